"""The target as a part of another program, by singer-sdk's `listen`."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import pytest

from scripted import Reply
from segment_runs import SUCCESS, Segment, record, schema, state
from singer_delivery import DeliveryError
from target_segment import TargetSegment

pytestmark = pytest.mark.slow

LINES = [
    schema("people", "userId", "traits"),
    record("people", userId="u", traits={}),
    state("end"),
]


def listen(segment: Segment, *lines: Any, **settings: Any) -> TargetSegment:
    target = TargetSegment(config={**segment.settings, **settings})
    target.listen(io.StringIO("".join(json.dumps(line) + "\n" for line in lines)))
    return target


def test_what_is_listened_to_is_delivered_and_the_state_written(
    segment: Segment, capsys: pytest.CaptureFixture[str]
) -> None:
    target = listen(segment, *LINES)
    assert segment.users == ["u"]
    assert capsys.readouterr().out == '"end"\n'
    assert target.delivery.summary.total("delivered") == 1


def test_the_key_is_checked_first(segment: Segment) -> None:
    segment.answer = lambda _: Reply(404)
    with pytest.raises(DeliveryError, match="no source with this write_key"):
        listen(segment, *LINES, cdn_url=segment.url)
    assert [request.method for request in segment.requests] == ["GET"]


def test_files_are_opened_first(segment: Segment, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        listen(segment, *LINES, changed_only=True)
    assert segment.users == ["u"]
    assert capsys.readouterr().out == '"end"\n' * 2


def test_what_fails_raises_and_leaves_no_thread_behind(
    segment: Segment, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was acknowledged before is claimed all the same."""
    segment.script.append(SUCCESS)
    segment.answer = lambda _: Reply(401)
    before = {*threading.enumerate()}
    lines = [*LINES, record("people", userId="v", traits={}), state("never")]
    with pytest.raises(DeliveryError, match="refuses this sender"):
        listen(segment, *lines, lanes=1, batch_size_rows=1)
    assert capsys.readouterr().out == '"end"\n'
    for lane in {*threading.enumerate()} - before:
        lane.join(10)
        assert not lane.is_alive(), lane.name


def test_it_listens_in_any_thread(segment: Segment, capsys: pytest.CaptureFixture[str]) -> None:
    thread = threading.Thread(target=listen, args=(segment, *LINES))
    thread.start()
    thread.join(30)
    assert capsys.readouterr().out == '"end"\n'
