from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from singer_delivery.errors import OutputError
from singer_delivery.rejects.file import Rejects

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = b'{"type":"SCHEMA","stream":"users","schema":{"properties":{}},"key_properties":["id"]}'
RECORD = (
    b'{"type":"RECORD","stream":"users","record":{"id":"\xc3\xa9","n":1},"time_extracted":"t"}\n'
)


def rejects(path: Path) -> Rejects:
    return Rejects(path, lambda: "2026-01-01T00:00:00.000+00:00")


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_written_is_a_singer_stream_with_the_reason(tmp_path: Path) -> None:
    file = rejects(tmp_path / "new" / "rejects.jsonl")
    file.schema("users", SCHEMA)
    file.add("users", RECORD, "id_not_string", "It is empty.")
    file.add("users", RECORD, "id_not_string", "It is empty.")
    file.close()
    schema, record, again = written(file.path)
    assert schema == json.loads(SCHEMA)
    assert record == again
    assert record.pop("record") == {
        "id": "é",
        "n": 1,
        "_delivery_reject": {
            "reason": "id_not_string",
            "detail": "It is empty.",
            "at": "2026-01-01T00:00:00.000+00:00",
        },
    }
    assert record == {"type": "RECORD", "stream": "users", "time_extracted": "t"}


def test_nothing_rejected_is_no_file(tmp_path: Path) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file.schema("users", SCHEMA)
    file.sync()
    file.close()
    assert not file.path.exists()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file.add("users", RECORD, "r", "d")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.close()


@pytest.mark.parametrize("torn", [b"", RECORD[:20], b"x" * 200_000])
def test_an_earlier_run_is_kept_but_for_the_line_it_was_killed_in(
    tmp_path: Path, torn: bytes
) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_bytes(SCHEMA + b"\n" + RECORD + torn)
    file = rejects(path)
    file.schema("users", SCHEMA)
    file.add("users", RECORD, "r", "d")
    file.close()
    first, second, *new = path.read_bytes().splitlines()
    assert [first, second] == [SCHEMA, RECORD.strip()]
    assert [json.loads(line)["type"] for line in new] == ["SCHEMA", "RECORD"]


def test_a_file_of_nothing_but_half_a_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.write_bytes(SCHEMA[:20])
    file = rejects(path)
    file.add("users", RECORD, "r", "d")
    file.close()
    assert [line["type"] for line in written(path)] == ["RECORD"]


def test_a_schema_stands_again_where_it_changed(tmp_path: Path) -> None:
    file = rejects(tmp_path / "rejects.jsonl")
    file.schema("users", SCHEMA)
    file.add("users", RECORD, "r", "d")
    file.schema("users", SCHEMA.replace(b'"id"', b'"other"'))
    file.add("users", RECORD, "r", "d")
    file.close()
    assert [line["type"] for line in written(file.path)] == ["SCHEMA", "RECORD"] * 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110
def test_a_full_disk_is_said_with_the_setting_to_change(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"No space left.*rejects_path"):
        rejects(path).add("users", RECORD, "r", "d")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="rejects_path"):
        rejects(tmp_path / "file" / "rejects.jsonl").add("users", RECORD, "r", "d")
