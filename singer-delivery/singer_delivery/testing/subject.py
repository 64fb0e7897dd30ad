"""The target that the promises test, and the service for its tests."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from singer_delivery.testing.runs import Ended, deliver
from singer_delivery.testing.service import Reply, Request, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from singer_delivery import DeliveryTarget


@dataclass(frozen=True, kw_only=True)
class Subject:
    """How to test one target.

    Attributes:
        target: Its class.
        settings: Returns the settings for a service at a URL, including keys.
        schema: The SCHEMA message of a stream that it sends.
        record: Returns the fields of the record with a number; it becomes one message, and a field
            contains `canary`.
        canary: A text that no log may contain.
        messages: Returns the messages in a request, as JSON.
        number: Returns the number of a message's record.
        success: The service's answer to an accepted batch.
        no_success: A 2xx that does not mean success, if the service has such an answer.
        wrong: Fields of a record that the target itself rejects.
        large: Fields of a record that is too large for the service.
    """

    target: type[DeliveryTarget]
    settings: Callable[[str], Mapping[str, Any]]
    schema: Mapping[str, Any]
    record: Callable[[int], Mapping[str, Any]]
    canary: str
    messages: Callable[[Request], list[Any]]
    number: Callable[[Any], int]
    success: Reply = field(default_factory=Reply)
    no_success: Reply | None = None
    wrong: Mapping[str, Any]
    large: Mapping[str, Any]

    @property
    def keys(self) -> list[str]:
        """The values of its secret settings."""
        properties = self.target.config_jsonschema["properties"]
        settings = self.settings("http://127.0.0.1")
        return [str(settings[name]) for name in settings if properties[name].get("secret")]

    def line(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return a RECORD message."""
        return {"type": "RECORD", "stream": self.schema["stream"], "record": fields}

    def lines(self, numbers: Iterable[int]) -> list[Mapping[str, Any]]:
        """Return a SCHEMA message, and a RECORD and a STATE message for each number.

        The value of a STATE is the number of the record before it.
        """
        lines = [self.schema]
        for number in numbers:
            lines += [self.line(self.record(number)), {"type": "STATE", "value": number}]
        return lines


class Trial(ScriptedService):
    """The service of a test, with runs of the target against it.

    Attributes:
        folder: The folder for the summary and the rejects file.
        arrived: The messages that arrived, by the number of their record.
        acknowledged: The numbers of the records that the service accepted.
    """

    def __init__(self, subject: Subject, folder: Path) -> None:
        super().__init__(lambda _: subject.success)
        self.subject = subject
        self.arrived: dict[int, list[Any]] = {}
        self.acknowledged: set[int] = set()
        self.empty = 0
        self.folder = folder
        self._lock = threading.Lock()

    def numbers(self, request: Request) -> list[int]:
        """Return the numbers of the records in a request."""
        return [*map(self.subject.number, self.subject.messages(request))]

    @override
    def reply_to(self, request: Request) -> Reply:
        """Note what arrives, and answer."""
        messages = self.subject.messages(request)
        reply = super().reply_to(request)
        with self._lock:
            self.empty += not messages
            for message in messages:
                self.arrived.setdefault(self.subject.number(message), []).append(message)
            if reply is self.subject.success:
                self.acknowledged.update(map(self.subject.number, messages))
        return reply

    def run(
        self,
        lines: Iterable[Mapping[str, Any] | str],
        *,
        on_start: Callable[[DeliveryTarget], None] = lambda _: None,
        on_state: Callable[[Any], None] = lambda _: None,
        **settings: Any,  # noqa: ANN401, what the target takes
    ) -> Ended:
        """Run the target on some lines."""
        config = {**self.subject.settings(self.url), **settings}
        ended = deliver(
            self.subject.target, config, lines, self.folder, on_start=on_start, on_state=on_state
        )
        assert not self.empty, "a request without messages was sent"
        for secret in (*self.subject.keys, self.subject.canary):
            assert secret not in ended.log, "the log contains a key or a payload"
        return ended
