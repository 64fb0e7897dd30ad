"""Which streams a run has read completely; pure.

A stream is complete that ends with ACTIVATE_VERSION of the version that all of its records in the
run have. Some taps write the message before the records, so that a target shows them at once, and
singer-sdk's do so again for each partition of a stream, behind another SCHEMA. Such a message says
nothing of the end. It comes behind a record, or without any, or it counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class StreamRead:
    """What a run has read of one stream.

    Attributes:
        version: The version that its records have, or else the one that was activated.
        has_ended: Whether it ended with the activation of that version, as far as is known.
        why_not: Why it cannot be compared, if it cannot.
    """

    version: int | None = None
    has_ended: bool = False
    why_not: str = ""
    _records: bool = False
    _since_schema: bool = False
    _activated: bool = False

    def schema(self) -> None:
        """Note a SCHEMA."""
        self._since_schema = False

    def record(self, version: int | None) -> None:
        """Note a RECORD and its version."""
        if version is None or (self._records and version != self.version):
            self.why_not = self.why_not or "its records have not all one version"
        self.version = version
        self.has_ended = False
        self._records = self._since_schema = True

    def activate(self, version: int | None, known: int | None) -> None:
        """Note an ACTIVATE_VERSION.

        Args:
            version: Its version.
            known: The version of the last read of the stream. A run without records in which this
                is activated again has not read an empty table: it has read no changes.
        """
        self._activated = True
        if self._records:
            self.has_ended = version is not None and version == self.version and self._since_schema
        elif version is not None:
            self.version = version
            self.has_ended = known is None or version > known

    @property
    def is_complete(self) -> bool:
        """Whether the run, if it ends here, has read the whole stream."""
        return self.has_ended and not self.why_not

    @property
    def reason(self) -> str:
        """Why it is not compared, if an activation lets one expect that it is."""
        if not self._activated or self.is_complete:
            return ""
        return self.why_not or (
            "no ACTIVATE_VERSION of its version came behind its records"
            if self._records
            else "its version is that of an earlier read"
        )
