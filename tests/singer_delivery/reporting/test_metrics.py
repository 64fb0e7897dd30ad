"""What is measured: METRIC lines in the log, and the textfile for Prometheus."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_fd_to_metric_families

from people import EMAIL, PEOPLE, REFUSED, TOKEN
from singer_delivery.reporting.meter import Meter
from singer_delivery.reporting.progress import LogLines
from singer_delivery.reporting.reports import Reports
from singer_delivery.reporting.run import Run
from singer_delivery.reporting.textfile import Textfile
from singer_delivery.sending.lane import Traffic
from singer_delivery.sending.service import Endpoint
from singer_delivery.testing import Reply

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from singer_delivery.testing import Ended, Request
    from singer_delivery.testing.subject import Trial

PREFIX = "singer_delivery_run_"
LABELS = ("stream", "outcome", "status", "reason", "version")


def points(ended: Ended) -> list[dict[str, Any]]:
    """The METRIC lines as they are read by what collects those of singer-sdk."""
    lines = [line for line in ended.log.splitlines() if line.startswith("METRIC: ")]
    return [json.loads(line.removeprefix("METRIC: ")) for line in lines]


def series(path: Path) -> dict[str, float]:
    """The figures of a textfile, with the labels that tell the series of one name apart."""
    found = {}
    with path.open() as file:
        for family in text_fd_to_metric_families(file):
            assert family.documentation
            for sample in family.samples:
                labels = dict(sample.labels)
                assert (labels.pop("pipeline"), labels.pop("target")) == (
                    path.stem,
                    "target-webhook",
                )
                name = sample.name.removeprefix(PREFIX)
                told = [labels[each] for each in LABELS if each in labels]
                found[" ".join([name, *told])] = sample.value
    return found


def test_a_run_logs_what_singer_sdk_s_targets_log(trial: Trial) -> None:
    trial.script.extend([Reply(503), Reply(503)])
    ended = trial.run(PEOPLE.lines(range(10)), lanes=1)
    found = {
        (point["type"], point["metric"], point["tags"].get("http_status_code")): point
        for point in points(ended)
    }
    assert found["counter", "record_count", None]["value"] == 10
    assert found["counter", "record_count", None]["tags"]["stream"] == "people"
    assert found["counter", "batch_count", None]["value"] == 1
    assert found["timer", "batch_processing_time", None]["value"] > 0
    assert found["counter", "http_request_count", 503]["value"] == 2
    assert found["counter", "http_request_count", 201]["value"] == 1
    assert found["timer", "http_request_duration", 201]["value"] > 0
    assert found["timer", "http_request_duration", 201]["tags"]["endpoint"] == "batch"
    assert len(found) == len(points(ended)) == 7


def test_a_run_without_input_and_a_dry_run_measure_nothing(trial: Trial) -> None:
    assert points(trial.run([])) == []
    path = trial.folder / "metrics.prom"
    assert points(trial.run(PEOPLE.lines([1]), dry_run=True, metrics_path=str(path))) == []
    assert not path.exists()


def test_the_textfile_has_the_figures_of_the_run(trial: Trial) -> None:
    path = trial.folder / "new" / "crm-to-webhook.prom"
    trial.script.append(Reply(closed=True))
    trial.answer = lambda request: REFUSED if 7 in trial.numbers(request) else PEOPLE.success
    lines = [*PEOPLE.lines(range(10)), PEOPLE.line(PEOPLE.wrong)]
    ended = trial.run(lines, lanes=1, metrics_path=str(path))
    found = series(path)
    assert found["records people delivered"] == 9
    assert found["records people rejected"] == 2
    assert found["records people unchanged"] == 0
    assert found["rejected_records no_key"] == 1
    assert found["rejected_records refused_by_service"] == 1
    assert found["requests 0"] == found["retries"] == 1
    assert sum(found[f"requests {status}"] for status in (0, 201, 400)) == ended.summary["requests"]
    assert found["request_seconds 201"] > 0
    assert found["sent_bytes"] == ended.summary["bytes_sent"]
    assert found["exit_code"] == 3
    assert found["start_timestamp_seconds"] <= found["end_timestamp_seconds"]
    assert found["updated_timestamp_seconds"] >= found["end_timestamp_seconds"] - 1
    assert path.stat().st_mode & 0o044 == 0o044, "node_exporter is another user"
    assert [*path.parent.iterdir()] == [path], "no half-written file is left"


def test_the_textfile_is_due_each_minute_also_while_the_input_pauses(tmp_path: Path) -> None:
    endpoints = [Endpoint("https://there.example")]
    textfile = Textfile(tmp_path / "metrics.prom", Run("target-webhook", "1"))
    reports = Reports(LogLines(logging.getLogger()), meter=Meter(endpoints, textfile))
    reports.start(100.0)
    assert reports.due(sending=False) == 160.0
    assert reports.due(sending=True) == 110.0
    reports.tick(159.0, Traffic(), 1.0, sending=False)
    assert not (tmp_path / "metrics.prom").exists()
    reports.tick(160.0, Traffic(), 1.0, sending=False)
    assert (tmp_path / "metrics.prom").exists()
    assert reports.due(sending=False) == 220.0
    without = Reports(LogLines(logging.getLogger()), meter=Meter(endpoints))
    assert without.due(sending=False) is None


def test_the_textfile_is_written_while_the_run_goes_on(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singer_delivery.reporting.reports.MEASURED_SECONDS", 0.001)
    path = trial.folder / "metrics.prom"
    seen: list[dict[str, float]] = []

    def answer(request: Request) -> Reply:
        if 9 in trial.numbers(request):
            for _ in range(1000):
                if path.exists() and series(path).get("records people delivered") == 9:
                    break
                waited.wait(0.005)
            seen.append(series(path))
        return PEOPLE.success

    waited = threading.Event()
    trial.answer = answer
    trial.run(PEOPLE.lines(range(10)), lanes=1, batch_size_rows=1, metrics_path=str(path))
    [meanwhile] = seen
    assert meanwhile["records people delivered"] == 9
    assert "exit_code" not in meanwhile
    assert "end_timestamp_seconds" not in meanwhile
    assert series(path)["exit_code"] == 0


def test_neither_a_key_nor_a_value_of_a_record_is_measured(trial: Trial) -> None:
    path = trial.folder / "metrics.prom"
    trial.answer = lambda _: Reply(400, {"message": f"{EMAIL} {TOKEN}"})
    ended = trial.run(PEOPLE.lines([1]), metrics_path=str(path))
    told = path.read_text() + json.dumps(points(ended))
    assert EMAIL not in told
    assert TOKEN not in told
    assert trial.url not in told


def test_a_textfile_that_cannot_be_written_fails_the_run_but_costs_no_delivery(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singer_delivery.reporting.reports.MEASURED_SECONDS", 0.001)
    (trial.folder / "file").touch()
    ended = trial.run(
        PEOPLE.lines(range(3)), metrics_path=str(trial.folder / "file" / "metrics.prom")
    )
    assert (ended.exit_code, ended.states[-1]) == (1, 2)
    assert ended.log.count("Cannot write metrics_path") == 1
