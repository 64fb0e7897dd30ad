from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_runs import Segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    with Segment(tmp_path) as segment:
        yield segment
