"""The page's state in its URL, and the commands that start a run."""

import re
import shlex
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from moesif_sandbox.settings import PORT, Settings


class View:
    """The choices in a URL's query string; missing and invalid ones have defaults."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)

    def choice(self, name: str, options: Iterable[str]) -> str:
        """Return the chosen option; the first is the default."""
        first, *more = options
        given = self._given.get(name, first)
        return given if given in more else first

    def number(self, name: str) -> int | None:
        """Return a number, or None if there is none."""
        given = self._given.get(name, "")
        return int(given) if re.fullmatch("[0-9]{1,9}", given) else None

    def address(self, path: str = "/", /, **changes: str | int | None) -> str:
        """Return a URL with these choices and some changes; None removes a choice."""
        kept = {**self._given, **changes}
        query = urlencode({name: value for name, value in kept.items() if value is not None})
        return f"{path}?{query}" if query else path


def counted(number: int, noun: str) -> str:
    """Return a number and a noun, in the plural if needed."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def runs(address: str, settings: Settings) -> Mapping[str, str]:
    """Return shell commands that start a run, with Meltano and without."""
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
        "In the checkout (install once):": usually,
        "Without Meltano": "\n".join([*exports, pipe]),
    }
