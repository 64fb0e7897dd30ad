from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from moesif_runs import Moesif

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def moesif(tmp_path: Path) -> Iterator[Moesif]:
    with Moesif(tmp_path) as moesif:
        yield moesif
