"""How a run against this sandbox is started: what the page shows to be pasted into a shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from moesif_sandbox.options import APPLICATION_ID, MANAGEMENT_KEY, PORT, WRITE_KEY

_MELTANO = ".venv/bin/meltano"


@dataclass(frozen=True)
class Keys:
    """What a client must know to be let in."""

    management: str = MANAGEMENT_KEY
    write: str = WRITE_KEY
    application: str = APPLICATION_ID
    region: str = "us"


def meltano(address: str, keys: Keys) -> str:
    """Return how Meltano's project of this repository is run; it knows the usual sandbox."""
    usual = address == f"http://127.0.0.1:{PORT}" and keys == Keys()
    settings = [] if usual else _exports(address, keys)
    return "\n".join([*settings, f"{_MELTANO} install", f"{_MELTANO} run moesif-to-segment"])


def pipe(address: str, keys: Keys) -> str:
    """Return how the two commands are run as one pipe."""
    commands = ".venv/bin/tap-moesif --config=ENV | .venv/bin/target-segment --config=ENV"
    return "\n".join([*_exports(address, keys), commands])


def _exports(address: str, keys: Keys) -> list[str]:
    settings = {
        "TAP_MOESIF_API_URL": f"{address}/moesif/api/v1",
        "TAP_MOESIF_MANAGEMENT_API_KEY": keys.management,
        "TARGET_SEGMENT_HOST": f"{address}/segment",
        "TARGET_SEGMENT_CDN_URL": f"{address}/segment-cdn",
        "TARGET_SEGMENT_WRITE_KEY": keys.write,
        "TARGET_SEGMENT_REGION": keys.region,
    }
    return [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
