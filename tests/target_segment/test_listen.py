"""The target as a part of another program, by singer-sdk's `listen`."""

from __future__ import annotations

import io
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from scripted import Reply, ScriptedService
from segment_runs import KEY, SUCCESS, record, schema, scripted_segment, sent, state
from singer_delivery import DeliveryError
from target_segment import TargetSegment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ROUTES = {"people": {"call": "identify", "user_id": "id"}}
LINES = [schema("people", "id"), record("people", id="u"), state("end")]


@pytest.fixture
def segment() -> Iterator[ScriptedService]:
    with scripted_segment() as service:
        yield service


def listen(segment: ScriptedService, folder: Path, *lines: Any, **settings: Any) -> TargetSegment:
    config = {"write_key": KEY, "host": segment.url, "streams": ROUTES, **settings}
    config["rejects_path"] = str(folder / "rejects.jsonl")
    target = TargetSegment(config=config)
    target.listen(io.StringIO("".join(json.dumps(line) + "\n" for line in lines)))
    return target


def test_what_is_listened_to_is_delivered_and_the_state_written(
    segment: ScriptedService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = listen(segment, tmp_path, *LINES)
    assert [message["userId"] for message in sent(segment)] == ["u"]
    assert capsys.readouterr().out == '"end"\n'
    assert target.delivery.summary.total("delivered") == 1


def test_the_key_is_checked_first(segment: ScriptedService, tmp_path: Path) -> None:
    segment.answer = lambda _: Reply(404)
    with pytest.raises(DeliveryError, match="no source with this write_key"):
        listen(segment, tmp_path, *LINES, cdn_url=segment.url)
    assert [request.method for request in segment.requests] == ["GET"]


def test_files_are_opened_first(
    segment: ScriptedService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"changed_only": True, "fingerprints_path": str(tmp_path / "prints")}
    for _ in range(2):
        listen(segment, tmp_path, *LINES, **settings)
    assert len(sent(segment)) == 1
    assert capsys.readouterr().out == '"end"\n' * 2


def test_what_fails_raises_and_leaves_no_thread_behind(
    segment: ScriptedService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was acknowledged before is claimed all the same."""
    segment.script.append(SUCCESS)
    segment.answer = lambda _: Reply(401)
    lines = [*LINES, record("people", id="v"), state("never")]
    before = {*threading.enumerate()}
    with pytest.raises(DeliveryError, match="refuses this sender"):
        listen(segment, tmp_path, *lines, lanes=1, batch_size_rows=1)
    assert capsys.readouterr().out == '"end"\n'
    for lane in {*threading.enumerate()} - before:
        lane.join(10)
        assert not lane.is_alive(), lane.name


def test_it_listens_in_any_thread(
    segment: ScriptedService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = threading.Thread(target=listen, args=(segment, tmp_path, *LINES))
    thread.start()
    thread.join(30)
    assert capsys.readouterr().out == '"end"\n'
