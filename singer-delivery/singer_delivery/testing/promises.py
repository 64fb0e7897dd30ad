"""The promises of every target on this layer, as tests.

1.  A STATE line is written only after records that are acknowledged, skipped or rejected.
2.  STATE lines are written in their order.
3.  A run that is killed and started again delivers everything; repeats are the same messages.
4.  The same input makes the same messages.
5.  A bad record costs only itself.
6.  Messages that are too large for the service are rejected.
7.  Temporary failures are retried for a limited time; refusals of the sender stop the run.
8.  A 2xx whose body does not confirm success is not an acknowledgement.
9.  A signal ends the run with the STATE of what is acknowledged.
10. A slow service slows the reading.
11. No log contains a key or a payload.
12. The counts of the summary add up; `deliver` asserts it of each run.
13. The rejects file can be replayed.
14. No request is empty; a schema may change in mid-stream.
15. A run whose records are all refused with the same answer writes no STATE.
17. No record is skipped silently.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from singer_delivery.rejects.reasons import REJECT_FIELD
from singer_delivery.testing.features import FeaturePromises
from singer_delivery.testing.service import Reply
from singer_delivery.testing.subject import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from singer_delivery import DeliveryTarget
    from singer_delivery.testing.service import Request

REFUSED = Reply(400, {"message": "this batch is wrong"})


class DeliveryPromises(FeaturePromises):
    """The tests; define a subclass named Test…, with its `subject`."""

    @pytest.fixture
    def trial(self, tmp_path: Path) -> Iterable[Trial]:
        """Run the service."""
        with Trial(self.subject, tmp_path) as trial:
            yield trial

    def test_everything_is_delivered_and_counted(self, trial: Trial) -> None:
        ended = trial.run(self.subject.lines(range(100)))
        assert (ended.exit_code, ended.rejects) == (0, [])
        assert trial.acknowledged == {*range(100)}
        assert ended.states[-1] == 99
        assert ended.summary["delivered"] == ended.summary["read"] == 100

    def test_no_input_is_no_request_and_no_state(self, trial: Trial) -> None:
        ended = trial.run([])
        assert (ended.exit_code, ended.states, trial.requests) == (0, [], [])

    def test_no_state_in_is_no_state_out(self, trial: Trial) -> None:
        ended = trial.run([self.subject.schema, self.subject.line(self.subject.record(1))])
        assert (ended.exit_code, ended.states, trial.acknowledged) == (0, [], {1})

    def test_state_waits_for_every_record_before_it_and_keeps_its_order(self, trial: Trial) -> None:
        """The first record is answered after all those of other lanes."""
        another = threading.Event()
        ahead: list[Any] = []

        def answer(request: Request) -> Reply:
            if 0 not in trial.numbers(request):
                another.set()
                return self.subject.success
            assert another.wait(10), "no lane works beside another"
            ahead.extend(states)
            return self.subject.success

        def check(value: int) -> None:
            states.append(value)
            assert {*range(value + 1)} <= trial.acknowledged, "STATE ran ahead"

        states: list[Any] = []
        trial.answer = answer
        ended = trial.run(self.subject.lines(range(30)), on_state=check, lanes=8, batch_size_rows=1)
        assert (ended.exit_code, ahead) == (0, [])
        assert ended.states == sorted(ended.states)
        assert ended.states[-1] == 29

    def test_a_killed_run_loses_nothing_and_repeats_are_the_same_messages(
        self, trial: Trial, tmp_path: Path
    ) -> None:
        lines = self.subject.lines(range(6))
        victim: list[subprocess.Popen[str]] = []

        def answer(request: Request) -> Reply:
            if 3 not in trial.numbers(request):
                return self.subject.success
            victim[0].kill()
            return Reply(closed=True)

        trial.answer = answer
        config = {**self.subject.settings(trial.url), "lanes": 1, "batch_size_rows": 1}
        (tmp_path / "config.json").write_text(json.dumps(config))
        target = self.subject.target
        run = f"from {target.__module__} import {target.__name__} as target; target.cli()"
        with subprocess.Popen(
            [sys.executable, "-c", run, "--config", "config.json"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            victim.append(process)
            stdout, _ = process.communicate("".join(json.dumps(line) + "\n" for line in lines), 60)
        states = [*map(int, stdout.split())]
        assert process.returncode == -signal.SIGKILL
        assert max(states, default=-1) < 3
        trial.answer = lambda _: self.subject.success
        again = trial.run(self.subject.lines(range(max(states, default=-1) + 1, 6)))
        assert (again.exit_code, again.states[-1]) == (0, 5)
        assert trial.acknowledged == {*range(6)}
        assert len(trial.arrived[3]) > 1
        for messages in trial.arrived.values():
            assert all(message == messages[0] for message in messages)

    def test_the_same_input_makes_the_same_messages(self, trial: Trial) -> None:
        for _ in range(2):
            assert trial.run(self.subject.lines(range(20)), lanes=1).exit_code == 0
        for messages in trial.arrived.values():
            first, second = map(json.dumps, messages)
            assert first == second

    @pytest.mark.parametrize("status", [400, 413, 422])
    def test_a_record_that_the_service_refuses_costs_only_itself(
        self, trial: Trial, status: int
    ) -> None:
        refused = Reply(status, REFUSED.body)
        trial.answer = lambda request: (
            refused if 13 in trial.numbers(request) else self.subject.success
        )
        ended = trial.run(self.subject.lines(range(64)), lanes=1, batch_size_rows=64)
        assert (ended.exit_code, ended.states[-1]) == (3, 63)
        assert trial.acknowledged == {*range(64)} - {13}
        assert len(trial.requests) <= 13, "a batch of 64 is halved 6 times"
        assert ended.summary["rejected_by_reason"] == {"refused_by_service": 1}
        assert [line["type"] for line in ended.rejects] == ["SCHEMA", "RECORD"]

    def test_a_record_that_the_target_rejects_costs_only_itself(self, trial: Trial) -> None:
        lines = self.subject.lines(range(10))
        lines.insert(7, self.subject.line(self.subject.wrong))
        ended = trial.run(lines)
        assert (ended.exit_code, ended.states[-1]) == (3, 9)
        assert trial.acknowledged == {*range(10)}
        schema, reject = ended.rejects
        assert schema == self.subject.schema
        reason = reject["record"].pop(REJECT_FIELD)
        assert reason.keys() == {"reason", "detail", "at", "attempts", "first_rejected_at"}
        assert (reason["attempts"], reason["first_rejected_at"]) == (0, reason["at"])
        assert reject == self.subject.line(self.subject.wrong)

    def test_what_was_rejected_can_be_replayed(self, trial: Trial) -> None:
        trial.script.append(REFUSED)
        lines = [self.subject.schema, self.subject.line(self.subject.record(1))]
        ended = trial.run(lines, max_rejects=-1)
        assert (ended.exit_code, trial.acknowledged) == (0, set())
        assert trial.run(ended.rejects).exit_code == 0
        first, replayed = trial.arrived[1]
        assert first == replayed, "the reason is no part of the message"

    def test_what_is_larger_than_the_service_takes_is_rejected(self, trial: Trial) -> None:
        lines = self.subject.lines(range(4))
        lines.insert(3, self.subject.line(self.subject.large))
        ended = trial.run(lines)
        assert (ended.exit_code, ended.states[-1]) == (3, 3)
        assert trial.acknowledged == {*range(4)}
        assert ended.summary["rejected_by_reason"] == {"message_too_large": 1}

    @pytest.mark.parametrize("status", [408, 410, 429, 460, 500, 502, 503, 504, "closed"])
    def test_a_passing_failure_is_retried(self, trial: Trial, status: int | str) -> None:
        trial.script.append(Reply(status) if isinstance(status, int) else Reply(closed=True))
        ended = trial.run(self.subject.lines([1]))
        assert (ended.exit_code, ended.states) == (0, [1])
        first, again = trial.arrived[1]
        assert first == again
        assert ended.summary["retries"] == 1

    def test_a_wait_that_the_service_asks_for_is_kept(self, trial: Trial) -> None:
        trial.script.append(Reply(429, headers={"Retry-After": "0.05"}))
        ended = trial.run(self.subject.lines([1]), retry_max_seconds=0.06)
        assert (ended.exit_code, ended.states) == (0, [1])
        assert ended.summary["waited_seconds"] >= 0.05

    def test_a_2xx_that_is_no_success_is_retried(self, trial: Trial) -> None:
        if self.subject.no_success is None:
            pytest.skip("every 2xx of this service is a success")
        trial.script.append(self.subject.no_success)
        ended = trial.run(self.subject.lines([1]))
        assert (ended.exit_code, ended.states, len(trial.arrived[1])) == (0, [1], 2)

    @pytest.mark.parametrize(
        "reply", [Reply(503), Reply(429, headers={"Retry-After": "86400"}), Reply(closed=True)]
    )
    def test_a_lasting_failure_ends_the_run_with_its_state_kept(
        self, trial: Trial, reply: Reply
    ) -> None:
        trial.script.append(self.subject.success)
        trial.answer = lambda _: reply
        ended = trial.run(
            self.subject.lines(range(5)), lanes=1, batch_size_rows=1, retry_max_seconds=0.02
        )
        assert (ended.exit_code, ended.states, ended.rejects) == (1, [0], [])

    @pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 405, 501])
    def test_a_refusal_of_the_sender_stops_the_run_and_rejects_nothing(
        self, trial: Trial, status: int
    ) -> None:
        echo = " ".join([*self.subject.keys, self.subject.canary])
        trial.answer = lambda _: Reply(status, {"message": echo})
        ended = trial.run(self.subject.lines(range(5)))
        assert (ended.exit_code, ended.states, ended.rejects) == (1, [], [])

    @pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_a_signal_ends_the_run_with_the_state_of_what_is_acknowledged(
        self, trial: Trial, signum: int, code: int
    ) -> None:
        running: list[DeliveryTarget] = []

        def answer(request: Request) -> Reply:
            if 2 in trial.numbers(request):
                running[0].stop(signum)
            return self.subject.success

        trial.answer = answer
        ended = trial.run(
            self.subject.lines(range(50)), on_start=running.append, lanes=1, batch_size_rows=1
        )
        assert ended.exit_code == code
        assert ended.states == sorted(ended.states)
        assert {*range(ended.states[-1] + 1)} <= trial.acknowledged
        # The STATE line behind the last record that was read may not have been read any more.
        assert max(trial.acknowledged) - 1 <= ended.states[-1] < 49

    def test_a_slow_service_slows_the_reading(self, trial: Trial) -> None:
        read = 0
        ahead: list[int] = []

        def lines() -> Iterable[Mapping[str, Any]]:
            nonlocal read
            for line in self.subject.lines(range(200)):
                read += line["type"] == "RECORD"
                yield line

        def answer(request: Request) -> Reply:
            ahead.append(read - max(trial.numbers(request)))
            return self.subject.success

        trial.answer = answer
        ended = trial.run(lines(), lanes=1, batch_size_rows=1)
        assert ended.exit_code == 0
        assert max(ahead) <= 5, "more was read than one lane may have queued"

    def test_a_refusal_may_repeat_keys_and_none_is_kept(self, trial: Trial) -> None:
        trial.script.append(Reply(400, {"message": f"bad: {' '.join(self.subject.keys)}"}))
        ended = trial.run(self.subject.lines([1]), max_rejects=-1)
        assert ended.exit_code == 0
        kept = json.dumps(ended.rejects)
        assert "bad: ***" in kept
        assert not any(key in kept for key in self.subject.keys)

    def test_a_schema_may_change_in_mid_stream(self, trial: Trial) -> None:
        schema = json.loads(json.dumps(self.subject.schema))
        schema["schema"]["properties"]["added_later"] = {"type": ["string", "null"]}
        lines = [*self.subject.lines([1, 2]), schema, *self.subject.lines([3, 4])[1:]]
        ended = trial.run(lines)
        assert (ended.exit_code, ended.states[-1]) == (0, 4)
        assert trial.acknowledged == {1, 2, 3, 4}

    def test_a_run_whose_records_are_all_refused_alike_moves_no_state(self, trial: Trial) -> None:
        trial.answer = lambda _: REFUSED
        ended = trial.run(self.subject.lines(range(5)), max_rejects=10)
        assert (ended.exit_code, ended.states) == (1, [])

    def test_a_record_without_a_schema_stops_the_run(self, trial: Trial) -> None:
        lines = self.subject.lines(range(3))
        lines.insert(3, {"type": "RECORD", "stream": "never announced", "record": {}})
        ended = trial.run(lines)
        assert ended.exit_code == 1
        assert "SCHEMA before it" in ended.log
        assert not ended.states or ended.states[-1] == 0
