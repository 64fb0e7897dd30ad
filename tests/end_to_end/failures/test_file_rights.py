"""What holds records, or tells of them, only its owner may read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from commands import run
from targets import BOTH_TARGETS, Target

if TYPE_CHECKING:
    from pathlib import Path

LINES: list[dict[str, Any]] = [
    {
        "type": "SCHEMA",
        "stream": "people",
        "schema": {"properties": {"userId": {}, "traits": {}}},
        "key_properties": [],
    },
    {"type": "RECORD", "stream": "people", "record": {"userId": "1", "traits": {"a": 1}}},
    {"type": "RECORD", "stream": "people", "record": {"userId": "", "traits": {"a": 1}}},
]


@BOTH_TARGETS
@pytest.mark.parametrize("dry_run", [False, True])
def test_files_of_a_run_are_their_owners(tmp_path: Path, target: Target, dry_run: bool) -> None:
    """Also those beside them, such as a database's journal, where no umask takes rights away."""
    files = tmp_path / "files"
    with target.service() as service:
        settings = {
            **target.config(service.url),
            "streams": {"people": {"as": "segment.calls"}},
            "rejects_path": str(files / "rejects" / "{date}.jsonl"),
            "summary_path": str(files / "summary" / "summary.json"),
            "changed_only": True,
            "fingerprints_path": str(files / "fingerprints" / "known"),
            "dry_run": dry_run,
            "dry_run_path": str(files / "dry_run" / "bodies.jsonl"),
        }
        umask = "import os; os.umask(0)"
        assert run(target.name, tmp_path, settings, lines=LINES, before=umask).code == 3
    modes = {
        path.relative_to(files): oct(path.stat().st_mode & 0o777)
        for path in files.rglob("*")
        if path.is_file()
    }
    assert {*modes.values()} == {"0o600"}, modes
    made = {path.parts[0] for path in modes}
    assert made == {"summary", *(["dry_run"] if dry_run else ["rejects", "fingerprints"])}
