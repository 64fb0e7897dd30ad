from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from moesif_api import api
from scripted import Reply, Request, ScriptedService
from tap_moesif.service import MoesifError, Pages, RequiredScope, Search, paging
from tap_moesif.service.page_size import PageSize
from tap_moesif.service.queries import everything
from tap_moesif.service.retries import MAX_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_moesif.service import Moesif

PATH = "/search/~/search/users"
SEARCH = Search(
    PATH, RequiredScope("users", "read:users", ""), everything(), ("request.time", "_id")
)

WINDOW_TOO_LARGE = {
    "error": {
        "type": "search_phase_execution_exception",
        "root_cause": [
            {
                "type": "query_phase_execution_exception",
                "reason": "Result window is too large, from + size must be less than or equal to: "
                "[4] but was [10].",
            }
        ],
    }
}

Found = list[dict[str, Any]]


def documents(ties: Sequence[int]) -> Found:
    """Write hits whose times tie, as many as each number says, with ids that break the ties."""
    return [
        {"_id": f"{time}_{tie}", "sort": [time, f"{time}_{tie}"]}
        for time, count in enumerate(ties)
        for tie in range(count)
    ]


class Engine(ScriptedService):
    """Answers as the engine does, from hits in their order.

    Attributes:
        found: The hits.
        most: In a page, whatever is asked for.
        total: Writes how many there are.
        spoil: Makes another answer of a page's answer; called with its number, from 1.
    """

    def __init__(self, found: Found) -> None:
        super().__init__(self._answer)
        self.found = found
        self.most = 10_000
        self.total: Callable[[int], Any] = int
        self.spoil: Callable[[int, Found], Reply | None] = lambda _, __: None

    def page(self, hits: Found) -> Reply:
        total = self.total(len(self.found))
        return Reply(200, {"hits": {**({} if total is None else {"total": total}), "hits": hits}})

    def _answer(self, request: Request) -> Reply:
        body = request.json
        [first, *_] = body["sort"]
        backwards = first["request.time"]["order"] == "desc"
        after = body.get("search_after")
        ordered = self.found[::-1] if backwards else self.found
        behind = [hit for hit in ordered if not after or hit["sort"] > after]
        hits = behind[: min(body["size"], self.most)]
        number = sum(b"asc" in request.body for request in self.requests)
        spoilt = None if backwards else self.spoil(number, hits)
        return spoilt or self.page(hits)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(documents([1] * 10)) as engine:
        yield engine


@pytest.fixture
def moesif(engine: Engine) -> Iterator[Moesif]:
    with api(engine.url) as moesif:
        moesif.request(SEARCH.request(1), lambda _: None)  # so it has answered
        engine.requests.clear()
        yield moesif


def walk(moesif: Moesif, size: int) -> list[list[str]]:
    pages = Pages(moesif, SEARCH, PageSize(size, size))
    return [[hit.id for hit in page.hits] for page in pages if page.hits]


def read(moesif: Moesif, size: int) -> list[str]:
    return [hit for page in walk(moesif, size) for hit in page]


def ids(engine: Engine) -> list[str]:
    return [hit["_id"] for hit in engine.found]


def forwards(engine: Engine) -> list[Request]:
    """Give the requests for pages, and none from the other end."""
    return [request for request in engine.requests if b'"asc"' in request.body]


def backwards(engine: Engine) -> list[Request]:
    return [request for request in engine.requests if b'"desc"' in request.body]


def sizes(engine: Engine) -> list[int]:
    return [request.json["size"] for request in forwards(engine)]


@pytest.mark.parametrize("ties", [[1, 1, 1, 1], [4], [2, 2], [1, 3], [3, 1, 2], [5], []])
@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_every_hit_is_read_once_over_ties_and_page_borders(
    moesif: Moesif, engine: Engine, ties: list[int], size: int
) -> None:
    engine.found = documents(ties)

    pages = walk(moesif, size)

    assert [hit for page in pages for hit in page] == ids(engine)
    alone = len(engine.found) < size  # on its first page, as the total says
    assert len(engine.requests) == (1 if alone else len(pages) + 1)


def test_a_page_smaller_than_asked_for_is_not_the_end(moesif: Moesif, engine: Engine) -> None:
    engine.most = 4

    assert [len(page) for page in walk(moesif, 8)] == [4, 4, 2]


def test_the_next_page_is_the_same_request_behind_the_last_hit(
    moesif: Moesif, engine: Engine
) -> None:
    engine.found = documents([2, 1])

    walk(moesif, 2)

    first = {
        "query": {"match_all": {}},
        "sort": [
            {"request.time": {"order": "asc", "unmapped_type": "date"}},
            {"_id": {"order": "asc"}},
        ],
        "size": 2,
    }
    assert [request.json for request in forwards(engine)] == [
        first,
        {**first, "search_after": [0, "0_1"]},
    ]


@pytest.mark.parametrize(
    "total",
    [
        pytest.param(int, id="integer"),
        pytest.param(lambda n: {"value": n, "relation": "eq"}, id="object"),
        pytest.param(lambda n: {"value": n}, id="object_without_relation"),
        pytest.param(lambda n: n - 3, id="shrunk_meanwhile"),
    ],
)
def test_a_total_that_is_reached_ends_the_walk(
    moesif: Moesif, engine: Engine, total: Callable[[int], Any]
) -> None:
    engine.total = total

    assert read(moesif, 4) == ids(engine)
    assert (sizes(engine), len(backwards(engine))) == ([4, 4, 4], 1)


@pytest.mark.parametrize(
    "total",
    [
        pytest.param(lambda _: {"value": 5, "relation": "gte"}, id="a_minimum"),
        pytest.param(lambda n: n + 3, id="grown_before_the_cursor"),
        pytest.param(lambda _: None, id="none"),
        pytest.param(lambda _: -1, id="not_counted"),
        pytest.param(lambda _: "many", id="no_number"),
    ],
)
def test_where_the_total_does_not_tell_the_search_from_the_other_end_does(
    moesif: Moesif, engine: Engine, total: Callable[[int], Any]
) -> None:
    engine.total = total

    assert read(moesif, 4) == ids(engine)
    last = backwards(engine)[-1].json
    assert last["size"] == 1
    assert [part[name]["order"] for part in last["sort"] for name in part] == ["desc", "desc"]
    assert "search_after" not in last
    assert len(engine.requests) == 5


@pytest.mark.parametrize("total", [int, lambda _: None, lambda _: {"value": 4, "relation": "gte"}])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_empty_page_before_the_end_is_asked_for_again(
    moesif: Moesif, engine: Engine, number: int, total: Callable[[int], Any]
) -> None:
    engine.total = total
    engine.spoil = lambda n, _: engine.page([]) if n == number else None

    assert read(moesif, 4) == ids(engine)


@pytest.mark.parametrize("total", [int, lambda _: None, lambda _: {"value": 4, "relation": "gte"}])
def test_pages_that_stay_empty_before_the_end_are_an_error(
    moesif: Moesif, engine: Engine, total: Callable[[int], Any]
) -> None:
    engine.total = total
    engine.spoil = lambda n, _: engine.page([]) if n > 1 else None

    with pytest.raises(MoesifError, match="an empty page, although more documents follow"):
        walk(moesif, 4)


def test_a_service_that_forgets_everything_half_way_is_an_error(
    moesif: Moesif, engine: Engine
) -> None:
    def forget(number: int, hits: Found) -> None:
        if number > 1:
            engine.found = []
            engine.total = lambda _: 10
            hits.clear()

    engine.spoil = forget

    with pytest.raises(MoesifError, match="an empty page, although more documents follow"):
        walk(moesif, 4)


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(400), Reply(200, {"hits": {"hits": []}}), Reply(200, b"{")]
)
def test_a_walk_whose_last_hit_is_not_found_goes_on_to_an_empty_page(
    moesif: Moesif, engine: Engine, reply: Reply
) -> None:
    whole = engine.answer
    engine.answer = lambda request: reply if b'"desc"' in request.body else whole(request)

    assert read(moesif, 4) == ids(engine)
    assert sizes(engine) == [4, 4, 4, 4]
    assert len(backwards(engine)) == 1


def test_what_is_new_behind_the_last_hit_that_was_found_is_read(
    moesif: Moesif, engine: Engine
) -> None:
    def add(number: int, _: Found) -> None:
        if number == 2:
            engine.found += documents([1] * 12)[10:]

    engine.spoil = add

    assert read(moesif, 5) == [f"{number}_0" for number in range(12)]


def test_documents_that_go_while_they_are_read_do_not_stop_the_walk(
    moesif: Moesif, engine: Engine
) -> None:
    def go(number: int, _: Found) -> None:
        if number == 3:
            engine.total = lambda _: 20  # more match than were read, before the cursor
            del engine.found[-1], engine.found[0]

    engine.spoil = go

    assert read(moesif, 5) == [f"{number}_0" for number in range(10)]


@pytest.mark.parametrize("period", [1, 2, 3])
def test_a_page_that_is_repeated_is_asked_for_again(
    moesif: Moesif, engine: Engine, period: int
) -> None:
    old = {1: engine.found[2:4], 2: engine.found[0:2], 3: engine.found[0:2]}[period]
    engine.spoil = lambda number, _: (
        engine.page(old) if number == {1: 3, 2: 3, 3: 4}[period] else None
    )

    assert read(moesif, 2) == ids(engine)


@pytest.mark.parametrize("period", [1, 2, 3])
def test_a_walk_that_goes_in_a_circle_is_an_error(
    moesif: Moesif, engine: Engine, period: int
) -> None:
    def circle(number: int, _: Found) -> Reply:
        at = (number - 1) % period * 2
        return engine.page(engine.found[at : at + 2])

    engine.spoil = circle
    pages = iter(Pages(moesif, SEARCH, PageSize(2, 2)))
    found = [hit.id for _ in range(period) for hit in next(pages).hits]

    with pytest.raises(MoesifError, match="repeats a page that was already read"):
        next(pages)

    assert found == ids(engine)[: 2 * period]
    assert len(forwards(engine)) == period + MAX_ATTEMPTS


def test_a_circle_is_noticed_in_a_resumed_walk_too(moesif: Moesif, engine: Engine) -> None:
    engine.spoil = lambda _, __: engine.page(engine.found[2:4])

    with pytest.raises(MoesifError, match="repeats a page that was already read"):
        list(Pages(moesif, SEARCH, PageSize(2, 2), engine.found[3]["sort"], 4))


@pytest.mark.parametrize("sort", [{}, {"sort": []}, {"sort": "x"}])
def test_a_hit_without_sort_values_is_an_error_at_once(
    moesif: Moesif, engine: Engine, sort: dict[str, Any]
) -> None:
    engine.spoil = lambda _, __: engine.page([{"_id": "u1", **sort}])

    with pytest.raises(MoesifError, match="has no cursor for the next page"):
        walk(moesif, 1)

    assert len(engine.requests) == 1


def test_a_page_that_is_too_large_is_halved_and_does_not_grow_back(
    moesif: Moesif, engine: Engine
) -> None:
    engine.found = documents([1] * 100)
    engine.spoil = lambda _, hits: Reply(413) if len(hits) > 3 else None

    assert read(moesif, 8) == ids(engine)
    assert sizes(engine) == [8, 4, *[2] * 50]


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(
            Reply(
                429,
                {"error": {"type": "circuit_breaking_exception", "reason": "Data too large"}},
                {"Retry-After": "1"},
            ),
            id="circuit_breaker",
        ),
        pytest.param(
            Reply(503, {"error": {"caused_by": {"type": "too_many_buckets_exception"}}}),
            id="buckets",
        ),
        pytest.param(Reply(400, WINDOW_TOO_LARGE), id="window"),
        pytest.param(Reply(500, WINDOW_TOO_LARGE), id="window_of_6.8"),
        pytest.param(
            Reply(
                200,
                {
                    "timed_out": False,
                    "_shards": {
                        "failed": 1,
                        "failures": [{"reason": {"type": "circuit_breaking_exception"}}],
                    },
                    "hits": {"total": 10, "hits": []},
                },
            ),
            id="part_of_the_shards",
        ),
    ],
)
def test_what_the_engine_refuses_for_its_size_is_halved_at_once(
    moesif: Moesif, engine: Engine, refusal: Reply
) -> None:
    engine.spoil = lambda _, hits: refusal if len(hits) > 4 else None

    assert read(moesif, 10) == ids(engine)
    assert sizes(engine) == [10, 5, 2, 2, 2, 2, 2]


def test_one_document_that_a_circuit_breaker_refuses_is_asked_for_again(
    moesif: Moesif, engine: Engine
) -> None:
    refusal = Reply(429, {"error": {"type": "circuit_breaking_exception"}})
    engine.script.extend([refusal] * 4)

    assert read(moesif, 1) == ids(engine)


def test_an_engine_that_does_not_sort_by_id_is_told_so(moesif: Moesif, engine: Engine) -> None:
    reason = (
        "Fielddata access on the _id field is disallowed, you can re-enable it by updating the "
        "dynamic cluster setting: indices.id_field_data.enabled"
    )
    body = {"error": {"root_cause": [{"type": "illegal_argument_exception", "reason": reason}]}}
    engine.spoil = lambda _, __: Reply(400, body)

    with pytest.raises(MoesifError, match="does not allow sorting by _id") as ended:
        walk(moesif, 4)

    assert "(illegal_argument_exception)" in str(ended.value)
    assert len(engine.requests) == 1


def test_of_what_the_engine_does_not_understand_type_and_field_are_shown(
    moesif: Moesif, engine: Engine
) -> None:
    reason = "Fielddata is disabled on [modified_time] for zoe@example.com; see [user_id]"
    engine.spoil = lambda _, __: Reply(
        400, {"error": {"type": "illegal_argument_exception", "reason": reason}}
    )

    with pytest.raises(MoesifError) as ended:
        walk(moesif, 4)

    assert "HTTP 400 (illegal_argument_exception about modified_time). Check app_id" in str(
        ended.value
    )
    assert "zoe" not in str(ended.value)


def test_the_next_page_is_asked_for_while_one_is_used(moesif: Moesif, engine: Engine) -> None:
    pages = iter(Pages(moesif, SEARCH, PageSize(4, 4)))
    next(pages)

    for _ in range(1_000):
        if len(engine.requests) >= 2:
            break
        threading.Event().wait(0.01)

    assert len(engine.requests) >= 2


def test_what_prepares_for_a_page_is_called_as_soon_as_it_is_there(
    moesif: Moesif, engine: Engine
) -> None:
    arrived: list[list[str]] = []
    pages = Pages(
        moesif,
        SEARCH,
        PageSize(4, 4),
        on_hits=lambda hits: arrived.append([hit.id for hit in hits]),
    )
    used = iter(pages)
    next(used)
    for _ in range(2):
        moesif.submit(lambda: None).result(10)  # the one worker has read the second page

    assert arrived[:2] == [ids(engine)[:4], ids(engine)[4:8]]
    assert [hit.id for page in used for hit in page.hits] == ids(engine)[4:]


def test_what_fails_to_prepare_for_a_page_is_told_where_the_page_is_used(moesif: Moesif) -> None:
    def fail(_: object) -> None:
        raise MoesifError("No usage")

    with pytest.raises(MoesifError, match="No usage"):
        list(Pages(moesif, SEARCH, PageSize(4, 4), on_hits=fail))


def test_pages_wait_where_enough_are_waiting(
    moesif: Moesif, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "AHEAD_BYTES", 0)
    pages = iter(Pages(moesif, SEARCH, PageSize(2, 2)))
    next(pages)
    moesif.submit(lambda: None).result(10)  # the one worker has read the second page

    assert len(forwards(engine)) == 2
    assert [hit.id for page in pages for hit in page.hits] == ids(engine)[2:]


def test_a_page_that_fails_does_not_lose_the_one_before(moesif: Moesif, engine: Engine) -> None:
    engine.spoil = lambda number, _: Reply(404) if number == 2 else None
    pages = iter(Pages(moesif, SEARCH, PageSize(4, 4)))

    assert [hit.id for hit in next(pages).hits] == ids(engine)[:4]
    with pytest.raises(MoesifError, match="HTTP 404"):
        next(pages)


def test_nobody_asks_on_for_a_walk_that_was_given_up(moesif: Moesif, engine: Engine) -> None:
    pages = iter(Pages(moesif, SEARCH, PageSize(1, 1)))
    next(pages)
    del pages
    moesif.submit(lambda: None).result(10)
    asked = len(engine.requests)
    moesif.submit(lambda: None).result(10)

    assert len(engine.requests) == asked < 10


@pytest.mark.parametrize("failure", [Reply(503), Reply(closed=True), Reply(200, b"{")])
def test_a_page_that_fails_again_and_again_is_halved(
    moesif: Moesif, engine: Engine, failure: Reply
) -> None:
    engine.spoil = lambda _, hits: failure if len(hits) > 2 else None

    assert read(moesif, 10) == ids(engine)
    assert sizes(engine)[:4] == [10, 10, 5, 2]


def test_a_page_that_failed_once_is_asked_for_as_it_was(moesif: Moesif, engine: Engine) -> None:
    engine.script.append(Reply(503))

    walk(moesif, 10)

    assert sizes(engine) == [10, 10, 10]  # the last of them for the end


def test_one_document_that_is_too_large_is_an_error(moesif: Moesif, engine: Engine) -> None:
    engine.spoil = lambda _, __: Reply(413)

    with pytest.raises(MoesifError, match="the request is too large"):
        walk(moesif, 4)

    assert sizes(engine) == [4, 2, 1]


@pytest.mark.parametrize("body", [{"timed_out": True}, {"_shards": {"total": 5, "failed": 1}}])
def test_a_page_that_says_it_is_incomplete_is_asked_for_again(
    moesif: Moesif, engine: Engine, body: dict[str, Any]
) -> None:
    def incomplete(number: int, hits: Found) -> Reply | None:
        return (
            Reply(200, {**body, "hits": {"total": 10, "hits": hits[:1]}}) if number == 2 else None
        )

    engine.spoil = incomplete

    assert read(moesif, 4) == ids(engine)


def test_a_cursor_goes_back_to_the_service_as_it_came(moesif: Moesif, engine: Engine) -> None:
    cursor = [9223372036854775807, "ид🦊", 1.5, None]
    engine.spoil = lambda number, _: (
        engine.page([{"_id": "a", "sort": cursor}]) if number == 1 else engine.page([])
    )
    engine.total = lambda _: 1

    walk(moesif, 1)

    assert engine.requests[-1].json["search_after"] == cursor
