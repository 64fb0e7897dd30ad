from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from people import PEOPLE
from singer_delivery.testing.subject import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """The README's webhook, and the service that it sends to."""
    with Trial(PEOPLE, tmp_path) as trial:
        yield trial
