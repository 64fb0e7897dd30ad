"""What an address says of the page: which list, how far back; and how a run is started."""

import re
import shlex
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from moesif_sandbox.settings import PORT, Settings


class View:
    """The choices that an address makes; what it names wrongly, or not at all, is the default."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)

    def choice(self, name: str, options: Iterable[str]) -> str:
        """Return the chosen one of some options; the first is the default."""
        first, *more = options
        given = self._given.get(name, first)
        return given if given in more else first

    def number(self, name: str) -> int | None:
        """Return a number, or None if there is none."""
        given = self._given.get(name, "")
        return int(given) if re.fullmatch("[0-9]{1,9}", given) else None

    def address(self, path: str = "/", /, **changes: str | int | None) -> str:
        """Return a path with these choices and some changes to them; None is the default."""
        kept = {**self._given, **changes}
        query = urlencode({name: value for name, value in kept.items() if value is not None})
        return f"{path}?{query}" if query else path


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def runs(address: str, settings: Settings) -> Mapping[str, str]:
    """Return what starts a run when it is pasted into a shell, in two ways."""
    keys = (settings.management_key, settings.write_key, settings.region)
    variables = {
        "TAP_MOESIF_API_URL": f"{address}/moesif/api/v1", "TAP_MOESIF_MANAGEMENT_API_KEY": keys[0],
        "TARGET_SEGMENT_HOST": f"{address}/segment",
        "TARGET_SEGMENT_CDN_URL": f"{address}/segment-cdn",
        "TARGET_SEGMENT_WRITE_KEY": keys[1], "TARGET_SEGMENT_REGION": keys[2],
    }  # fmt: skip
    usual = (Settings().management_key, Settings().write_key, Settings().region)
    is_known = address == f"http://127.0.0.1:{PORT}" and keys == usual  # to Meltano's project
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    meltano = [".venv/bin/meltano install", ".venv/bin/meltano run moesif-to-segment"]
    pipe = ".venv/bin/tap-moesif --config=ENV | .venv/bin/target-segment --config=ENV"
    usually = "\n".join(meltano if is_known else [*exports, *meltano])
    return {
        "In the checkout (to install once is enough):": usually,
        "Without Meltano": "\n".join([*exports, pipe]),
    }
