"""When a service refuses one record after the other alike, it is not the records' fault; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from singer_delivery.errors import ServiceError

if TYPE_CHECKING:
    from singer_delivery.sending.retry import Answer

ALIKE_REFUSALS = 20
"""So many records refused one after the other, with one answer, have nothing wrong in common
but the sender."""


class Refusals:
    """Notices when it is not the records that the service refuses.

    Args:
        max_rejects: Records that may be rejected; more than `ALIKE_REFUSALS` raise that limit,
            and -1 takes it away.
    """

    def __init__(self, max_rejects: int) -> None:
        self._limit = None if max_rejects < 0 else max(ALIKE_REFUSALS, max_rejects)
        self._answer: tuple[int, str] | None = None
        self._count = 0
        self.too_many = False

    def add(self, answer: Answer) -> ServiceError | None:
        """Count a record refused alone; give the error that ends the run if it is one too many."""
        alike = (answer.status, _VARYING.sub("#", answer.excerpt))
        self._count = self._count + 1 if alike == self._answer else 1
        self._answer = alike
        self.too_many = self._limit is not None and self._count >= self._limit
        if not self.too_many:
            return None
        return ServiceError(
            f"{self._count} records in a row were refused with the same answer ({answer.detail}), "
            "so the fault is hardly theirs. They are in the rejects file with that answer; if they "
            "are all bad, set a larger max_rejects."
        )

    def end(self) -> None:
        """A delivery was acknowledged: the row ends."""
        self._count = 0


_VARYING = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|\d+", re.IGNORECASE)
"""What differs between answers that say the same: ids, positions, times."""
