"""A service, and runs of a target that deliver to it."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import commands
from scripted import Reply, ScriptedService
from singer_delivery.testing import Ended, deliver

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from singer_delivery import DeliveryTarget

    Line = Mapping[str, Any] | str

EMAIL = "jane.canary@example.com"


class TargetRuns(ScriptedService):
    """A service that takes everything unless told otherwise, and runs of its target.

    Each run forgets the requests of those before it.

    Args:
        folder: Takes the files of the runs.
        settings: Those of each run, besides its own.

    Attributes:
        target: The class of the target.
        success: The service's answer to what it takes.
        secrets: What no log may hold.
    """

    target: ClassVar[type[DeliveryTarget]]
    success: ClassVar[Reply]
    secrets: Sequence[str] = (EMAIL,)

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(lambda _: self.success)
        self.folder = folder
        self.settings = {
            "summary_path": str(folder / "summary.json"),
            "rejects_path": str(folder / "rejects.jsonl"),
            "fingerprints_path": str(folder / "fingerprints.sqlite"),
            **settings,
        }

    def deliver(self, lines: Iterable[Line], **settings: Any) -> Ended:
        """Deliver some lines, in this process."""
        self.requests.clear()
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # as the command does
        ended = deliver(self.target, {**self.settings, **settings}, lines, self.folder)
        self._check_log(ended.log)
        return ended

    def command(
        self,
        lines: Iterable[Line],
        *arguments: str,
        env: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> commands.Ended:
        """Deliver some lines with the installed command."""
        self.requests.clear()
        config = {**self.settings, **settings}
        name, folder = self.target.name, self.folder
        ended = commands.run(name, folder, config, *arguments, lines=lines, env=env or {})
        self._check_log(ended.stderr)
        return ended

    @contextmanager
    def started(self, **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Start the installed command, with an input that stays open."""
        self.requests.clear()
        (self.folder / "config.json").write_text(json.dumps({**self.settings, **settings}))
        arguments = ("--config", "config.json")
        with commands.started(self.target.name, *arguments, cwd=self.folder) as process:
            yield process

    def summary(self) -> dict[str, Any]:
        """Read the summary of the last run."""
        found: dict[str, Any] = json.loads((self.folder / "summary.json").read_text())
        return found

    def rejects(self) -> list[dict[str, Any]]:
        """Read the lines of the rejects file."""
        return [*map(json.loads, (self.folder / "rejects.jsonl").read_text().splitlines())]

    def _check_log(self, log: str) -> None:
        for word in ("Traceback", *self.secrets):
            assert word not in log


def record(stream: str, **fields: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": fields}


def state(value: Any) -> dict[str, Any]:
    return {"type": "STATE", "value": value}


def schema(stream: str, *properties: str, mark: str | None = None, **typed: Any) -> dict[str, Any]:
    """Write a SCHEMA line; `mark` is what tap-moesif calls the stream."""
    marked = {"$id": f"urn:tap-moesif:{mark}"} if mark else {}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {**marked, "properties": {**{name: {} for name in properties}, **typed}},
        "key_properties": ["id"] if mark else [],
    }


def complete_read(
    schema: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], version: int
) -> list[dict[str, Any]]:
    """Write the lines of a stream that was read completely, as of a version."""
    stream = schema["stream"]
    records = [{**record(stream, **row), "version": version} for row in rows]
    return [{**schema}, *records, activate(stream, version)]


def activate(stream: str, version: int) -> dict[str, Any]:
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}
