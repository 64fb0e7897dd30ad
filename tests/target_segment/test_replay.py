"""A rejects file as input, interrupted."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING

from commands import started
from scripted import Reply, Request
from segment_runs import config, deliver, record, schema, scripted_segment, sent, summary

if TYPE_CHECKING:
    from pathlib import Path


def test_a_signal_while_replaying_leaves_what_was_not_sent_for_the_next_replay(
    tmp_path: Path,
) -> None:
    """The file is read only: what was delivered before the signal is only delivered again."""
    asked, hold, later = threading.Event(), threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        first = not asked.is_set()
        asked.set()
        return Reply(body={"success": True}, hold=hold if first else later)

    lines = [
        schema("people", "userId", "traits"),
        *(record("people", userId="", traits={"n": n}) for n in range(9)),
    ]
    with scripted_segment() as segment:
        assert deliver(segment, tmp_path, lines).code == 3
        [path] = (tmp_path / "rejects").iterdir()
        mended = path.read_text().replace('"userId":""', '"userId":"u"')
        path.write_text(mended)
        segment.answer = slow
        settings = config(segment, lanes=1, batch_size_rows=2)
        (tmp_path / "config.json").write_text(json.dumps(settings))
        with (
            path.open("rb") as file,
            started(
                "target-segment", "--config", "config.json", stdin=file.fileno(), cwd=tmp_path
            ) as target,
        ):
            assert asked.wait(30)
            target.send_signal(signal.SIGTERM)
            hold.set()
            stdout, _ = target.communicate(timeout=60)
        later.set()
        assert (target.returncode, stdout) == (143, b"")
        first = [message["messageId"] for message in sent(segment)]
        assert 0 < summary(tmp_path)["delivered"] <= len(first) < 9
        assert path.read_text() == mended, "nothing was rejected twice"
        segment.requests.clear()
        ended = deliver(segment, tmp_path, mended.splitlines())
        assert ended.code == 0, ended.stderr
        again = [message["messageId"] for message in sent(segment)]
        assert len({*again}) == 9
        assert {*first} <= {*again}
