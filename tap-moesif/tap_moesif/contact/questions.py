"""The questions of `--first-contact`, and how each is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from singer_delivery.http import http_date
from tap_moesif.contact.report import Answer, report
from tap_moesif.contact.scopes import scopes_in
from tap_moesif.contact.shapes import (
    ROLL_UP_NAMES,
    about,
    field_rows,
    first_of,
    moves_with_calls,
    published,
    shape,
)
from tap_moesif.records import utc
from tap_moesif.service.page_size import MAX_PAGE_SIZE
from tap_moesif.service.queries import LAST_SEEN, MODIFIED_TIME, between, everything
from tap_moesif.streams.common import CREATED, METADATA
from tap_moesif.streams.companies import Companies
from tap_moesif.streams.events import Events
from tap_moesif.streams.users import Users
from tap_moesif.usage import EVENTS_PATH
from tap_moesif.usage.search import UsageSearch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_moesif.contact.probe import Probe, Reply

SAMPLE = 100
"""Documents of each kind that are examined."""

PATHS = {
    "users": ("/search/~/search/users", "/search/~/search/usermetrics/users"),
    "companies": ("/search/~/search/companies", "/search/~/search/companymetrics/companies"),
}
"""The paths that Moesif has documented; the setting's default comes first."""

SIZES = (1_000, 10_000, 10_001)
"""This tap's first page, the engine's default limit, and one more than that."""

ENRICHMENT = ("enrichment", "enrichments", "clearbit")
ROLL_UPS = ("last24HourAggResults", "last_24_hour_agg_results")


@dataclass(slots=True)
class Contact:
    """Asks all questions in turn.

    Attributes:
        probe: Sends the requests.
        config: The settings of the tap.
        now: The current time.
    """

    probe: Probe
    config: Mapping[str, Any]
    now: datetime
    _paths: dict[str, str] = field(default_factory=dict)
    _samples: dict[str, Reply] = field(default_factory=dict)

    def report(self, version: str) -> str:
        """Ask all questions and return the report.

        Args:
            version: The version of this tap.

        Raises:
            AttemptError: A request had no response.
        """
        answers = [*self.answers()]
        kinds = {"users": Users.fields, "companies": Companies.fields, "events": Events.fields}
        rows = [
            (kind, field_rows(self._samples[kind].documents, published(fields)))
            for kind, fields in kinds.items()
            if kind in self._samples
        ]
        title = f"First contact of tap-moesif {version} with Moesif, {self.now:%Y-%m-%d}"
        answers.append(Answer("How many queries did this take?", str(self.probe.request_count)))
        return report(title, answers, rows)

    def answers(self) -> Iterator[Answer]:
        """Ask all questions and yield the answers."""
        for kind, paths in PATHS.items():
            yield from self._path_answers(kind, paths)
        yield from self._scope_answers()
        yield from self._page_answers()
        yield from self._sort_answers()
        yield from self._document_answers()
        yield from self._aggregation_answers()
        yield from self._header_answers()

    # Paths.

    def _path_answers(self, kind: str, paths: Sequence[str]) -> Iterator[Answer]:
        setting = f"{kind}_path"
        configured = self.config[setting]
        works: list[str] = []
        for path in dict.fromkeys((configured, *paths)):
            bare = self.probe.request(path, {"size": SAMPLE, "query": everything()})
            dated = self.probe.request(path, {"size": 1, "query": everything()}, self._period)
            shown = path if path in paths else f"the configured {setting}"
            text = f"without from and to: {bare}; with them: {dated}"
            yield Answer(f"Does {shown} respond?", text)
            if bare.is_success:
                works.append(path)
                if kind not in self._samples or not self._samples[kind].hits:
                    self._samples[kind], self._paths[kind] = bare, path
        wanted = works[0] if works and configured not in works else ""
        if wanted:
            text = "no; another path works"
            yield Answer(f"Is {setting} right?", text, f"{setting}: {wanted}")

    @property
    def _period(self) -> dict[str, str]:
        start = self.now - timedelta(days=1)
        return {"from": utc(start.timestamp() * 1000), "to": utc(self.now.timestamp() * 1000)}

    # Scopes.

    def _scope_answers(self) -> Iterator[Answer]:
        scopes = scopes_in(self.config["management_api_key"])
        text = ", ".join(scopes) if scopes else "the key does not say"
        yield Answer("Which published scopes does this key have?", text)
        events = self.probe.request(EVENTS_PATH, {"size": SAMPLE}, self._period)
        if events.is_success:
            self._samples["events"] = events
        answers = {
            "events": events,
            "cohorts": self.probe.request("/~/cohorts", params={"cohort_type": "user"}),
        }
        if company := self._id_of("companies"):
            path = "/search/~/companies/{id}/subscriptions"
            answers["subscriptions"] = self.probe.request(path, id_=company)
        for kind in ("users", "companies"):
            path = f"/search/~/mappings/{kind}/properties"
            answers[f"the mappings of {kind}"] = self.probe.request(path)
        for kind, reply in answers.items():
            lines = {"events": "usage_rollup: false"} if not reply.is_success else {}
            yield Answer(f"May this key read {kind}?", _yes(reply), lines.get(kind, ""))
        if user := self._id_of("users"):
            reply = self.probe.request("/search/~/users/{id}", id_=user)
            form = "under _source" if isinstance(_member(reply.json, "_source"), dict) else "flat"
            text = form if reply.is_success else str(reply)
            yield Answer("What is the form of a single user?", text)

    def _id_of(self, kind: str) -> str:
        """Return the id of a document, for use in a path only."""
        hits = self._samples[kind].hits if kind in self._samples else []
        return str(hits[0].get("_id") or "") if hits else ""

    # Pages and totals.

    def _page_answers(self) -> Iterator[Answer]:
        if "users" not in self._paths:
            return
        path = self._paths["users"]
        search = {"_source": ["user_id"], "sort": [{"_id": "asc"}], "query": everything()}
        pages = {size: self.probe.request(path, {"size": size, **search}) for size in SIZES}
        first = pages[SIZES[0]]
        for size, reply in pages.items():
            fits = reply.is_success or size > MAX_PAGE_SIZE or not first.is_success
            setting = "" if fits else f"max_page_size: {SIZES[0]}"
            yield Answer(f"Is a page of {size:,} accepted?", _yes(reply), setting)
        if first.documents:
            names = {name for each in first.documents for name in each}
            yield Answer("Is _source supported?", "yes" if names <= {"user_id"} else "no")
        sample = self._samples["users"]
        total = _member(_member(sample.json, "hits"), "total")
        yield Answer("What is the form of the total?", shape(total, {"value", "relation"}))
        count = total.get("value") if isinstance(total, dict) else total
        if isinstance(count, int):
            yield Answer("How many users are there?", about(count))
        counted = self.probe.request("/search/~/count/users", {"query": everything()})
        text = shape(counted.json, {"hits", "total", "count", "value", "relation"})
        yield Answer("What is the form of a count?", text if counted.is_success else str(counted))

    # Sorting.

    def _sort_answers(self) -> Iterator[Answer]:
        if "users" not in self._paths:
            return
        path = self._paths["users"]
        sorts: dict[str, list[Any]] = {
            "_id": [{"_id": "asc"}],
            "user_id.raw and _id": [{"user_id.raw": "asc"}, {"_id": "asc"}],
            "modified_time, last_seen_time and _id": [
                *({name: {"order": "asc", "unmapped_type": "date"}} for name in _TIMES),
                {"_id": "asc"},
            ],
        }
        for name, sort in sorts.items():
            first = self.probe.request(path, {"size": 1, "sort": sort, "query": everything()})
            text = _yes(first)
            if after := _sort_values(first):
                body = {"size": 1, "sort": sort, "query": everything(), "search_after": after}
                text += f"; the next page: {self._next_page(first, path, body)}"
            times = "" if first.is_success or "modified" not in name else _FULL_TABLE
            yield Answer(f"Is sorting by {name} accepted?", text, times)
        since = between(MODIFIED_TIME, utc((self.now.timestamp() - 86_400) * 1000), None)
        reply = self.probe.request(path, {"size": 1, "query": since})
        yield Answer("Is a range of modified_time accepted?", _yes(reply))

    def _next_page(self, first: Reply, path: str, body: Mapping[str, Any]) -> str:
        second = self.probe.request(path, body)
        if not second.is_success:
            return str(second)
        if not second.hits:
            return "empty"
        same = second.hits[0].get("_id") == first.hits[0].get("_id")
        return "the same document again" if same else "another document"

    # Documents.

    def _document_answers(self) -> Iterator[Answer]:
        for kind, sample in self._samples.items():
            if kind == "events" or not (documents := sample.documents):
                continue
            for question, names in (
                ("the creation time", CREATED),
                ("the account's own metadata", METADATA),
                ("the enrichment", ENRICHMENT),
            ):
                found = first_of(documents, names)
                text = " and ".join(found) if found else "no document in the sample has it"
                yield Answer(f"Under which name do {kind} have {question}?", text)
            answer = moves_with_calls(documents)
            yield Answer(f"Does modified_time of {kind} move with API calls?", answer)
            yield Answer(f"Do {kind} have the plugin's roll-up?", _roll_up(documents))
        if (users := self._samples.get("users")) and users.documents:
            found = first_of(users.documents, ("user_id", "identified_user_id"))
            yield Answer("Which ids do users have?", " and ".join([*found, "_id"]))

    # Aggregations.

    def _aggregation_answers(self) -> Iterator[Answer]:
        if "events" not in self._samples:
            return
        raw = "user_id.raw"
        aggregations: dict[str, Any] = {
            "terms": {"terms": {"field": raw, "size": 1}},
            "cardinality": {"cardinality": {"field": raw}},
            "percentiles": {"percentiles": {"field": "duration_ms", "percents": [90]}},
            "composite": {"composite": {"size": 1, "sources": [{"id": {"terms": {"field": raw}}}]}},
            "date_histogram": {"date_histogram": {"field": "request.time", "fixed_interval": "1h"}},
        }
        for name, aggregation in aggregations.items():
            body = {"size": 0, "query": everything(), "aggs": {"probe": aggregation}}
            reply = self.probe.request(EVENTS_PATH, body, self._period)
            made = isinstance(_member(_member(reply.json, "aggregations"), "probe"), dict)
            text = _yes(reply) if made or not reply.is_success else "no: missing in the response"
            yield Answer(f"Is the aggregation {name} accepted?", text)
        search = UsageSearch("user_id", self._period["from"], self._period["to"])
        usage = self.probe.request(
            EVENTS_PATH, search.active(10, None, with_roll_ups=True), self._period
        )
        setting = "" if usage.is_success else "usage_rollup: false"
        yield Answer("Is the query for this tap's roll-up accepted?", _yes(usage), setting)

    # Headers.

    def _header_answers(self) -> Iterator[Answer]:
        reply = next(iter(self._samples.values()), None)
        date = http_date(reply.headers.get("Date")) if reply else None
        if date is not None:
            off = abs(date - self.now.timestamp())
            text = "yes; within a minute of this machine's clock"
            if off > 60:  # noqa: PLR2004, a minute
                text = "yes; more than a minute off this machine's clock"
        else:
            text = "no"
        yield Answer("Do responses have a Date header?", text)
        if rate_limited := self.probe.rate_limited:
            has = "Retry-After" in rate_limited.headers
            yield Answer("Does a 429 have Retry-After?", "yes" if has else "no")


_TIMES = (MODIFIED_TIME, LAST_SEEN)
_FULL_TABLE = "# in the catalog of users and companies: replication-method: FULL_TABLE"


def _roll_up(documents: Sequence[Mapping[str, Any]]) -> str:
    for name in first_of(documents, ROLL_UPS):
        value = next(each[name] for each in documents if each.get(name) is not None)
        return f"yes, as {name}: {shape(value, ROLL_UP_NAMES)}"
    return "no"


def _yes(reply: Reply) -> str:
    return "yes" if reply.is_success else f"no: {reply}"


def _member(value: object, name: str) -> Any:  # noqa: ANN401, JSON
    return value.get(name) if isinstance(value, dict) else None


def _sort_values(reply: Reply) -> list[Any]:
    values = reply.hits[0].get("sort") if reply.is_success and reply.hits else None
    return values if isinstance(values, list) else []
