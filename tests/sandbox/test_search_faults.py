from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Sandbox

PATH = "/moesif/api/v1/search/~/search/users"
SORT = [{"modified_time": "asc"}, {"_id": "asc"}]


def walk(sandbox: Sandbox, most: int = 8) -> Iterator[list[str]]:
    """Yield the ids of each page, as a client reads them that trusts every answer."""
    body: dict[str, Any] = {"sort": SORT, "size": 30}
    for _ in range(most):
        hits = sandbox.search("users", body).json()["hits"]["hits"]
        yield [hit["_id"] for hit in hits]
        if not hits:
            return
        body["search_after"] = hits[-1]["sort"]


@pytest.fixture
def pages(sandbox: Sandbox) -> list[list[str]]:
    found = list(walk(sandbox))
    assert [len(page) for page in found] == [30, 30, 30, 30, 0]
    return found


def test_an_empty_page_comes_before_the_end_and_says_nothing_of_it(
    sandbox: Sandbox, pages: list[list[str]]
) -> None:
    sandbox.fault({"path": PATH, "kind": "empty_page", "skip": 1})
    assert list(walk(sandbox)) == [pages[0], []]
    sandbox.fault({"path": PATH, "kind": "empty_page"})
    answer = sandbox.search("users", {"sort": SORT}).json()
    assert (answer["hits"], answer["timed_out"]) == ({"total": 120, "hits": []}, False)
    assert list(walk(sandbox)) == pages


def test_a_page_is_repeated(sandbox: Sandbox, pages: list[list[str]]) -> None:
    sandbox.fault({"path": PATH, "kind": "repeat_page", "skip": 1})
    assert list(walk(sandbox)) == [pages[0], *pages]


@pytest.mark.parametrize(
    ("kind", "period", "numbers"),
    [
        ("repeat_page", 1, "00000000"),
        ("repeat_page", 2, "01010101"),
        ("repeat_page", 3, "01201201"),
        ("loop", 1, "01111111"),
        ("loop", 2, "01212121"),
    ],
)
def test_pages_go_round_for_ever(
    sandbox: Sandbox, pages: list[list[str]], kind: str, period: int, numbers: str
) -> None:
    fault = {"path": PATH, "kind": kind, "period": period, "skip": period, "times": -1}
    sandbox.fault(fault)
    assert list(walk(sandbox)) == [pages[int(number)] for number in numbers]


def test_a_first_page_has_nothing_to_go_back_to(sandbox: Sandbox, pages: list[list[str]]) -> None:
    sandbox.reset()
    for kind in ("repeat_page", "loop"):
        sandbox.fault({"path": PATH, "kind": kind, "period": 2})
        assert next(walk(sandbox)) == pages[0]


@pytest.mark.parametrize("kind", ["empty_page", "repeat_page", "loop", "timed_out"])
def test_what_is_no_page_is_left_alone(sandbox: Sandbox, kind: str) -> None:
    sandbox.fault({"path": "/moesif/api/", "kind": kind, "times": 2})
    assert sandbox.search("users", {"nothing": 1}).status_code == 400
    headers = {"Authorization": "Bearer sandbox-management-key"}
    cohorts = sandbox.get("/moesif/api/v1/~/cohorts?cohort_type=user", headers=headers)
    assert len(cohorts.json()) == 3


@pytest.mark.parametrize("period", [0, 5])
def test_a_period_has_its_bounds(sandbox: Sandbox, period: int) -> None:
    fault = {"path": PATH, "kind": "loop", "period": period}
    answer = sandbox.session.post(f"{sandbox.url}/sandbox/faults", json=fault, timeout=10)
    assert answer.status_code == 400
