"""A run's metrics as a Prometheus textfile, for node_exporter's textfile collector.

The metrics are gauges of one run, not counters: a job that runs once an hour is not running when
Prometheus scrapes, and two runs with equal counts would look the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from singer_delivery.errors import MetricsFileError
from singer_delivery.reporting.summary import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from singer_delivery.reporting.run import Run

PREFIX = "singer_delivery_run"
_BY_PIPELINE = ("pipeline", "target")


class Textfile:
    """The textfile of one run, rewritten each time.

    Args:
        path: The file. Its name without the suffix is the label `pipeline`, so that the files in
            a folder have no series in common.
        run: The run.
        clock: Returns seconds since the epoch.
    """

    def __init__(self, path: Path, run: Run, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._registry = CollectorRegistry()
        self._labels = {"pipeline": path.stem, "target": run.target}
        info = self._gauge("info", "The version of the target, as a label.", "version")
        info.labels(**self._labels, version=run.version).set(1)
        self._records = self._gauge(
            "records", "Records of the run by outcome.", "stream", "outcome"
        )
        self._rejected = self._gauge(
            "rejected_records", "Records of the run that were rejected, by reason.", "reason"
        )
        self._removed = self._gauge(
            "removed", "Users and companies that the run removed, by stream.", "stream"
        )
        self._requests = self._gauge(
            "requests", "Requests of the run by HTTP status; 0 for no answer.", "status"
        )
        self._request_seconds = self._gauge(
            "request_seconds", "Total time of the run's requests.", "status"
        )
        self._set("start_timestamp_seconds", "When the run started.", clock())
        self._figures = {
            name: self._gauge(name, text)
            for name, text in {
                "retries": "Retried requests of the run.",
                "waited_seconds": "Total time of the run's waits before retries, in all lanes.",
                "sent_bytes": "Bytes of the run's request bodies, as sent.",
                "duration_seconds": "Duration of the run so far.",
                "records_per_second": "Records read per second.",
                "updated_timestamp_seconds": "When this file was written.",
            }.items()
        }

    def answered(self, status: int, seconds: float) -> None:
        """Count a request."""
        labels = {**self._labels, "status": str(status)}
        self._requests.labels(**labels).inc()
        self._request_seconds.labels(**labels).inc(seconds)

    def write(self, summary: Mapping[str, Any], exit_code: int | None = None) -> None:
        """Replace the file in one step.

        Args:
            summary: The summary so far, as in the file of `summary_path`.
            exit_code: The exit code, if the run has ended.

        Raises:
            OutputError: It cannot be written.
        """
        for stream, counts in summary["streams"].items():
            for outcome in OUTCOMES:
                labels = {**self._labels, "stream": stream, "outcome": outcome}
                self._records.labels(**labels).set(counts[outcome])
            if "removed" in counts:
                self._removed.labels(**self._labels, stream=stream).set(counts["removed"])
        for reason, count in summary["rejected_by_reason"].items():
            self._rejected.labels(**self._labels, reason=reason).set(count)
        values = {
            **{name: summary[name] for name in ("retries", "waited_seconds")},
            "sent_bytes": summary["bytes_sent"],
            "duration_seconds": summary["seconds"],
            "records_per_second": summary["records_per_second"],
            "updated_timestamp_seconds": self._clock(),
        }
        for name, value in values.items():
            self._figures[name].labels(**self._labels).set(value)
        if exit_code is not None:
            self._set("end_timestamp_seconds", "When the run ended.", self._clock())
            self._set("exit_code", "The exit code of the run, once it has ended.", exit_code)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_to_textfile(str(self._path), self._registry)
        except OSError as error:
            raise MetricsFileError(path=self._path, reason=error.strerror) from error

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        names = (*_BY_PIPELINE, *labels)
        return Gauge(f"{PREFIX}_{name}", text, names, registry=self._registry)

    def _set(self, name: str, text: str, value: float) -> None:
        self._gauge(name, text).labels(**self._labels).set(value)
