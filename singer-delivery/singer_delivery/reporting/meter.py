"""Metrics of a run: singer-sdk's METRIC lines in the log, and a textfile for Prometheus."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics
from singer_sdk.metrics import Metric, Tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_delivery.reporting.textfile import Textfile
    from singer_delivery.sending.service import Endpoint

DEFAULT_ENDPOINT = "batch"
"""The tag of an endpoint without a name; its address may contain a key."""


@dataclass(slots=True)
class _Timing:
    """The number of events, and their total time."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds


@dataclass(slots=True)
class Meter:
    """Measures requests and batches, for the log and for Prometheus.

    Attributes:
        endpoints: The endpoints of the service.
        textfile: The file for Prometheus, if any.
    """

    endpoints: Sequence[Endpoint] = ()
    textfile: Textfile | None = None
    _requests: dict[tuple[int, int], _Timing] = field(default_factory=dict)
    _batches: _Timing = field(default_factory=_Timing)
    _read: Counter[str] = field(default_factory=Counter)

    def answered(self, endpoint: int, status: int, seconds: float) -> None:
        """Note a request and its duration.

        Args:
            endpoint: The index of the endpoint.
            status: The HTTP status; 0 for no answer.
            seconds: The duration of the request.
        """
        self._requests.setdefault((endpoint, status), _Timing()).add(seconds)
        if self.textfile:
            self.textfile.answered(status, seconds)

    def finished(self, seconds: float) -> None:
        """Note a finished batch and its duration."""
        self._batches.add(seconds)

    def log(self, read: Mapping[str, int]) -> None:
        """Log what was measured since the last call, as singer-sdk's METRIC lines.

        Args:
            read: The number of records read so far, by stream.
        """
        for stream, count in read.items():
            if new := count - self._read[stream]:
                self._point("counter", Metric.RECORD_COUNT, new, {Tag.STREAM: stream})
        self._read = Counter(read)
        if self._batches.count:
            mean = self._batches.seconds / self._batches.count
            self._point("counter", Metric.BATCH_COUNT, self._batches.count, {})
            self._point("timer", Metric.BATCH_PROCESSING_TIME, round(mean, 6), {})
            self._batches = _Timing()
        for (endpoint, status), timing in self._requests.items():
            name = self.endpoints[endpoint].name if self.endpoints else ""
            tags = {Tag.ENDPOINT: name or DEFAULT_ENDPOINT, Tag.HTTP_STATUS_CODE: status}
            mean = timing.seconds / timing.count
            self._point("counter", Metric.HTTP_REQUEST_COUNT, timing.count, tags)
            self._point("timer", Metric.HTTP_REQUEST_DURATION, round(mean, 6), tags)
        self._requests.clear()

    @staticmethod
    def _point(kind: str, metric: Metric, value: float, tags: Mapping[Tag, Any]) -> None:
        named = {tag.value: each for tag, each in tags.items()}
        named[Tag.PID.value] = os.getpid()
        metrics.log(metrics.get_metrics_logger(), metrics.Point(kind, metric, value, named))
