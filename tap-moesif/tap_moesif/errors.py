"""What can go wrong, by what follows from it.

    MoesifError            the run ends
    ├── FailedError        this attempt failed, the next may not
    ├── TooLargeError      less may be asked for
    ├── NotThereError      there is nothing under that path
    ├── NotUnderstoodError the search is not one that Moesif can run
    ├── NotAllowedError    the key may not read it; the other streams may be readable
    └── RateLimitedError   Moesif asks to wait

Each message says what happened and what to change, and holds no key and nothing of a document.
"""

from __future__ import annotations


class MoesifError(Exception):
    """The sync cannot go on."""


class FailedError(MoesifError):
    """An attempt failed; the next may not."""


class TooLargeError(MoesifError):
    """The answer is too large, so Moesif does not give it."""


class NotThereError(MoesifError):
    """There is nothing under a path."""


class NotUnderstoodError(MoesifError):
    """A search is not one that Moesif can run."""


class NotAllowedError(MoesifError):
    """The key may not read what was asked for, and perhaps nothing at all.

    Attributes:
        scope: What the key lacks, if it is a good one.
    """

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class RateLimitedError(MoesifError):
    """Moesif asks to wait, `seconds` long."""

    def __init__(self, seconds: float) -> None:
        super().__init__("Moesif's limit of queries a minute is reached")
        self.seconds = seconds
