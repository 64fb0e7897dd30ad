"""Everything the sandbox holds, in memory: Moesif's documents and what both services were sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_index import Document, Index, Kind
from moesif_sandbox.moesif_ledger import CollectorLedger
from moesif_sandbox.moesif_profiles import metadata_name
from moesif_sandbox.seed_values import bare
from moesif_sandbox.segment import DuplicateWindow, has_too_many_traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from moesif_sandbox.moesif_dsl import Json
    from moesif_sandbox.seed import SeedData
    from moesif_sandbox.segment import Message, Verdict

_TEXT = ("user_id", "identified_user_id", "company_id", "name", "email", "app_id", "org_id")
_DATES = ("created", "created_at", "create_time", "modified_time", "first_seen_time",
          "last_seen_time")  # fmt: skip
_PROFILE = dict.fromkeys(_TEXT, Kind.TEXT) | dict.fromkeys(_DATES, Kind.DATE)
# What Moesif maps whatever the documents hold, so that an account without any can be searched.
USER_FIELDS: Mapping[str, Kind] = _PROFILE
COMPANY_FIELDS: Mapping[str, Kind] = _PROFILE | {"company_domain": Kind.TEXT, "ttfhw_s": Kind.LONG}
EVENT_FIELDS: Mapping[str, Kind] = {
    "user_id": Kind.TEXT,
    "company_id": Kind.TEXT,
    "event_type": Kind.TEXT,
    "action_name": Kind.TEXT,
    "duration_ms": Kind.DOUBLE,
    "request.time": Kind.DATE,
    "request.verb": Kind.TEXT,
    "request.route": Kind.TEXT,
    "request.uri": Kind.TEXT,
    "response.time": Kind.DATE,
    "response.status": Kind.LONG,
}


@dataclass
class SegmentLedger:
    """What Segment was sent, and what became of it."""

    requests: int = 0
    refused: list[str] = field(default_factory=list)  # why a whole request got a 400
    accepted: list[Message] = field(default_factory=list)
    discarded: list[tuple[str, object]] = field(default_factory=list)  # reason, message
    duplicates: list[Message] = field(default_factory=list)
    flagged: list[tuple[str, Message]] = field(default_factory=list)  # accepted nevertheless
    _window: DuplicateWindow = field(default_factory=DuplicateWindow)

    def refuse(self, reason: str) -> None:
        """Record a request of which nothing was taken."""
        self.requests += 1
        self.refused.append(reason)

    def receive(self, verdict: Verdict, at: datetime) -> None:
        """Record the messages of a request that was answered with 200."""
        self.requests += 1
        self.discarded += verdict.discarded
        for message in verdict.accepted:
            if self._window.is_repeat(str(message["messageId"]), at):
                self.duplicates.append(message)
                continue
            self.accepted.append(message)
            if has_too_many_traits(message):
                self.flagged.append(("too_many_traits", message))


ON_DEMAND = -1  # searches that it takes a document to be found: none, but a request of its own


@dataclass
class _Late:
    """Documents that are there and are not found yet."""

    index: Index
    documents: Sequence[Document]
    searches: int  # that they are still missing from


class Store:
    """The documents of Moesif, and a ledger of each service that is written to."""

    def __init__(self, seed: SeedData) -> None:
        """Start with the seed, to which `reset` returns."""
        self._seed = seed
        self.users = Index(USER_FIELDS)
        self.companies = Index(COMPANY_FIELDS)
        self.events = Index(EVENT_FIELDS)
        self.cohorts: list[Json] = []
        self._late: list[_Late] = []
        self.segment = SegmentLedger()
        self.collector = CollectorLedger()
        self.reset()

    def reset(self) -> None:
        """Return to the seed and forget what both services were sent."""
        self.replace(self.users, self._seed.users)
        self.replace(self.companies, self._seed.companies)
        self.replace(self.events, self._seed.events)
        self.cohorts = list(self._seed.cohorts)
        self._late.clear()
        self.segment = SegmentLedger()
        self.collector = CollectorLedger()

    @staticmethod
    def replace(index: Index, documents: Iterable[Document]) -> None:
        """Put documents in the place of all that an index holds."""
        index.clear()
        index.put(documents)

    def put_late(self, index: Index, documents: Sequence[Document], searches: int) -> None:
        """Put documents that so many searches of their kind don't find yet."""
        self._late.append(_Late(index, documents, searches))

    def before_search(self, index: Index) -> None:
        """Let documents be found that have been missing for as many searches as they should."""
        for late in [late for late in self._late if late.index is index]:
            if late.searches == 0:
                self._late.remove(late)
                index.put(late.documents)
            elif late.searches > 0:
                late.searches -= 1

    def find_all(self) -> None:
        """Let all documents be found."""
        for late in self._late:
            late.index.put(late.documents)
        self._late.clear()

    def counts(self) -> dict[str, int]:
        """Return how many documents there are of each kind."""
        return {
            "users": len(self.users),
            "companies": len(self.companies),
            "events": len(self.events),
        }


def touch(
    index: Index, count: int, at: datetime, change: Callable[[Json, datetime], Json]
) -> list[str]:
    """Change so many documents; return their ids.

    Which ones depends on nothing but how many there are: they are spread evenly.
    """
    total = len(index)
    count = min(count, total)
    chosen = [index.documents[part * total // count] for part in range(count)]
    index.put([Document(document.id, change(document.source, at)) for document in chosen])
    return [document.id for document in chosen]


def edited(source: Json, at: datetime) -> Json:
    """Return a document with another metadata value and `modified_time`."""
    changed: Json = {**source, "modified_time": bare(at)}
    name = metadata_name(source)
    metadata = source.get(name, {})
    if isinstance(metadata, dict):  # one of a wrong type stays as it is
        touches = metadata.get("touches", 0)
        changed[name] = {**metadata, "touches": touches + 1 if isinstance(touches, int) else 1}
    return changed


def documents_of(raw: Sequence[Json], id_fields: Sequence[str]) -> list[Document]:
    """Return raw documents with their ids: `_id`, else the first id field, else their number."""
    documents = []
    for number, given in enumerate(raw):
        names = ("_id", *id_fields)
        found = next((given[name] for name in names if given.get(name)), f"document_{number:06d}")
        source = {name: value for name, value in given.items() if name != "_id"}
        documents.append(Document(str(found), source))
    return documents
