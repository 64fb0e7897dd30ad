"""What was last acknowledged of each user and company, for `changed_only`.

Before a message leaves it is stored that it may arrive, and behind its acknowledgement that it
has. So a run that was killed leaves no fingerprint of what the service no longer has: what is
not sure is sent again, with the same id where it is still the same, and with another where the
service could take it for a repeat. Neither ids nor values can be read from what is stored.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

from singer_delivery.fingerprint_file import Last

if TYPE_CHECKING:
    from singer_delivery.batching import Message
    from singer_delivery.fingerprint_file import FingerprintFile

STORE_EVERY = 10_000
"""Rows that are stored together where no batch and no STATE line asks for it before."""

FINGERPRINT_BYTES = 16
SUBJECT_BYTES = 8
"""Two subjects that happen to share a key only keep each other from being taken for unchanged."""


class Fingerprints:
    """Knows what was sent last of each subject; used by one thread.

    Args:
        file: Keeps it between runs.
        again: Whether to send what has not changed as well.
    """

    def __init__(self, file: FingerprintFile, *, again: bool = False) -> None:
        self._file = file
        self._again = again
        self._on_their_way: Counter[int] = Counter()
        self._recent: dict[int, Last] = {}  # what the file does not find yet
        self._unstored: list[tuple[int, bytes, int, bool]] = []
        self._sent = False  # whether something of it was sent, perhaps in the next batch
        self._found: tuple[int | None, Last | None] = (None, None)  # asked for twice in a row

    def open(self) -> None:
        """Open the file.

        Raises:
            OutputError: It cannot be used.
        """
        self._file.open()

    def generation(self, subject: int, fingerprint: bytes) -> int:
        """Say how many changes of a subject came before what is about to be sent.

        A repeat of what may not have arrived is no change. What is acknowledged and yet sent
        again is one: the service shall take it, and not drop it as a repeat.
        """
        last = self._last(subject)
        if last is None:
            return 0
        return last.generation + (last.acknowledged or last.fingerprint != fingerprint)

    def unchanged(self, message: Message) -> bool:
        """Tell whether a message says what was acknowledged, with nothing on its way since."""
        if self._again or message.subject is None:
            return False
        last = self._last(message.subject)
        return last is not None and last.acknowledged and last.fingerprint == message.fingerprint

    def send(self, message: Message) -> None:
        """Note that a message is about to be sent; events are not noted."""
        subject = message.subject
        if subject is None:
            return
        sent = Last(message.fingerprint, self.generation(subject, message.fingerprint), False)
        if sent != self._last(subject):
            self._note(subject, sent)
            self._sent = True
        self._on_their_way[subject] += 1

    def leave(self) -> None:
        """Store what was sent before a batch leaves."""
        if self._sent:
            self.store()

    def settle(self, message: Message, *, acknowledged: bool) -> None:
        """Note what became of a message; the last of several on their way decides."""
        subject = message.subject
        if subject is None:
            return
        if self._on_their_way[subject] > 1:
            self._on_their_way[subject] -= 1
            return
        del self._on_their_way[subject]
        if acknowledged and (last := self._last(subject)):
            self._note(subject, Last(last.fingerprint, last.generation, True))
            if len(self._unstored) >= STORE_EVERY:
                self.store()

    def store(self) -> None:
        """Store what was noted.

        Raises:
            OutputError: It cannot be stored.
        """
        if self._unstored and self._file.append(self._unstored):
            self._recent.clear()
            self._found = None, None
        self._unstored.clear()
        self._sent = False

    def close(self) -> None:
        """Store what was noted, and close the file.

        Raises:
            OutputError: It cannot be stored.
        """
        try:
            self.store()
        finally:
            self._file.close()

    def _last(self, subject: int) -> Last | None:
        if subject in self._recent:
            return self._recent[subject]
        if self._found[0] != subject:
            self._found = subject, self._file.find(subject)
        return self._found[1]

    def _note(self, subject: int, last: Last) -> None:
        self._recent[subject] = last
        self._unstored.append((subject, *last))


def subject_of(*parts: str) -> int:
    """Make the key under which a subject's fingerprint is kept."""
    digest = sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:SUBJECT_BYTES], "big", signed=True)
