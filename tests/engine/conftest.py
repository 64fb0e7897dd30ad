from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import engine as engines

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def elasticsearch() -> Iterator[engines.Elasticsearch]:
    """One for all tests; each makes its indices anew."""
    if reason := engines.missing():
        pytest.skip(reason)
    with engines.elasticsearch() as found:
        yield found


@pytest.fixture
def engine(elasticsearch: engines.Elasticsearch) -> engines.Elasticsearch:
    """An engine without documents."""
    elasticsearch.clear()
    return elasticsearch


@pytest.fixture
def moesif(engine: engines.Elasticsearch) -> Iterator[engines.Moesif]:
    with engines.Moesif(engine) as moesif:
        yield moesif
