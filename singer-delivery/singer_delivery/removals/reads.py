"""Which streams a run has read completely; pure.

A read is complete if it ends with an ACTIVATE_VERSION of the version that all its records have.
Some taps also write this message before the records, so that a target shows them at once, and
singer-sdk's taps repeat that after the SCHEMA of each partition. An ACTIVATE_VERSION therefore only
counts after a record of the last SCHEMA, or if the stream has no records at all.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class StreamRead:
    """The read of one stream in one run.

    Attributes:
        version: The version of its records, or of the ACTIVATE_VERSION if it has none.
        has_ended: Whether an ACTIVATE_VERSION that counts came after the last record.
        problem: Why the read cannot be compared; empty if it can.
    """

    version: int | None = None
    has_ended: bool = False
    problem: str = ""
    _records: bool = False
    _since_schema: bool = False
    _activated: bool = False

    def schema(self) -> None:
        """Note a SCHEMA."""
        self._since_schema = False

    def record(self, version: int | None) -> None:
        """Note a RECORD and its version."""
        if version is None or (self._records and version != self.version):
            self.problem = self.problem or "its records do not all have the same version"
        self.version = version
        self.has_ended = False
        self._records = self._since_schema = True

    def activate(self, version: int | None, last: int | None) -> None:
        """Note an ACTIVATE_VERSION.

        Args:
            version: Its version.
            last: The version of the stream's last read. If a run without records activates it
                again, the tap found no changes; the table is not empty.
        """
        self._activated = True
        if self._records:
            self.has_ended = version is not None and version == self.version and self._since_schema
        elif version is not None:
            self.version = version
            self.has_ended = last is None or version > last

    @property
    def is_complete(self) -> bool:
        """Whether the whole stream was read, if the run ends here."""
        return self.has_ended and not self.problem

    @property
    def reason(self) -> str:
        """Why the read is not compared although an ACTIVATE_VERSION came; otherwise empty."""
        if not self._activated or self.is_complete:
            return ""
        return self.problem or (
            "no ACTIVATE_VERSION with the version of its records came after them"
            if self._records
            else "its version is that of an earlier read"
        )
