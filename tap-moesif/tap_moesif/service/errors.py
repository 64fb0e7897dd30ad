"""What can go wrong, by what follows from it.

    MoesifError              the run ends
    ├── ForbiddenError       the key may not read this; it may be able to read the other streams
    ├── NotFoundError        there is nothing under that path
    ├── RejectedQueryError   the search is not one that Moesif can run
    └── AttemptError         this attempt failed; the next may not
        └── TooLargeError    this attempt asked for too much; a smaller one may succeed

Each message says what happened and what to do, and holds no key, no password and nothing of a
document.
"""

from __future__ import annotations


class MoesifError(Exception):
    """The sync cannot go on."""


class ForbiddenError(MoesifError):
    """The key may not read what was requested, and perhaps nothing at all.

    Attributes:
        scope: The scope that the key lacks, if the key itself is valid.
    """

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class NotFoundError(MoesifError):
    """There is nothing under a path."""


class RejectedQueryError(MoesifError):
    """A search is not one that Moesif can run."""


class AttemptError(MoesifError):
    """An attempt failed; the next may not.

    Attributes:
        advice: What to do where all attempts fail.
        wait: How many seconds Moesif asks to wait before the next attempt, if it does.
    """

    def __init__(
        self, message: str, advice: str = "Run again later.", wait: float | None = None
    ) -> None:
        super().__init__(message)
        self.advice = advice
        self.wait = wait


class TooLargeError(AttemptError):
    """An attempt asked for more than Moesif, or this tap, handles at once.

    Attributes:
        transient: Whether the same request may succeed later, where it cannot be made smaller.
    """

    def __init__(self, message: str, advice: str, *, transient: bool = False) -> None:
        super().__init__(message, advice)
        self.transient = transient
