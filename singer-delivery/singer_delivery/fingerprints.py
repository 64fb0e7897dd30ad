"""What was last acknowledged of each user and company, for `changed_only`.

A fingerprint is stored behind an acknowledgement and never before. What is stored of a subject
is struck out before anything newer of it may arrive. So a run that was killed leaves of each
subject what the service has, or that nobody knows: then it is sent again, with the same id where
it is the same. Neither ids nor values can be read from what is stored.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from singer_delivery.fingerprint_file import Last

if TYPE_CHECKING:
    from singer_delivery.batching import Message
    from singer_delivery.fingerprint_file import FingerprintFile

STORE_EVERY = 10_000
"""Acknowledgements that are stored together where no STATE line asks for it before."""

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
        self._on_their_way: dict[int, tuple[Last, int]] = {}  # the newest, and how many
        self._recent: dict[int, Last] = {}  # what `find` does not find yet
        self._unstored: list[tuple[int, bytes, int]] = []
        self._struck_out = False  # whether one of these must be stored before a batch leaves
        self._found: tuple[int | None, Last | None] = (None, None)  # asked for twice in a row

    def open(self) -> None:
        """Open the file.

        Raises:
            OutputError: It cannot be used.
        """
        self._file.open()

    def generation(self, subject: int, fingerprint: bytes) -> int:
        """Say how many changes came before what is about to be sent.

        A repeat of what is on its way is no change. What is sent again on purpose is one: the
        service shall take it, and not drop it as a repeat.
        """
        if subject in self._on_their_way:
            newest = self._on_their_way[subject][0]
            return newest.generation + (newest.fingerprint != fingerprint)
        settled = self._settled(subject)
        return 0 if settled is None else settled.generation + 1

    def unchanged(self, message: Message) -> bool:
        """Tell whether a message says what was acknowledged, and nothing else is on its way."""
        if self._again or message.subject is None or message.subject in self._on_their_way:
            return False
        settled = self._settled(message.subject)
        return settled is not None and settled.fingerprint == message.fingerprint

    def send(self, message: Message) -> None:
        """Note that a message is to be sent, unless it is no state of anything."""
        subject = message.subject
        if subject is None:
            return
        generation = self.generation(subject, message.fingerprint)
        before, count = self._on_their_way.get(subject) or (self._settled(subject), 0)
        self._on_their_way[subject] = Last(message.fingerprint, generation), count + 1
        if before and before.fingerprint and generation != before.generation:
            self._note(subject, Last(b"", before.generation))
            self._struck_out = True

    def leave(self) -> None:
        """See to it that what is struck out is so for good: a batch is about to be sent."""
        if self._struck_out:
            self.store()

    def settle(self, message: Message, *, acknowledged: bool) -> None:
        """Note what became of a message; of several, the newest one's fate counts."""
        subject = message.subject
        if subject is None:
            return
        newest, count = self._on_their_way.pop(subject)
        if count > 1:
            self._on_their_way[subject] = newest, count - 1
        elif acknowledged:
            self._note(subject, newest)
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
        self._struck_out = False

    def close(self) -> None:
        """Store what was noted, and close the file.

        Raises:
            OutputError: It cannot be stored.
        """
        try:
            self.store()
        finally:
            self._file.close()

    def _settled(self, subject: int) -> Last | None:
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
