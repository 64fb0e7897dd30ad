"""A Moesif account: its documents, including those not yet searchable, and its lists."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from moesif_sandbox.moesif.listings import LISTINGS
from moesif_sandbox.moesif.search import Document, Index, Json
from moesif_sandbox.times import bare

ON_DEMAND = -1  # late documents become searchable only by `find_all`
_IDS = {"users": ("user_id", "identified_user_id"), "companies": ("company_id",), "events": ()}
Contents = Mapping[str, Sequence[Document]]  # users, companies, events


class Account:
    """The data that the Management API reads and the collector writes."""

    def __init__(self, seed: Contents) -> None:
        """Start with the seed, which `reset` restores."""
        self._seed = seed
        self.users, self.companies, self.events = Index(), Index(), Index()
        self.indexes = {"users": self.users, "companies": self.companies, "events": self.events}
        self.reset()

    def reset(self) -> None:
        """Restore the seed."""
        for name, index in self.indexes.items():
            index.clear()
            index.put(self._seed.get(name, ()))
        self.lists: dict[str, list[Json]] = {one.name: [*one.items] for one in LISTINGS}
        self._late: list[tuple[Index, list[Document], int]] = []  # with the searches to miss

    def put(
        self, kind: str, raw: Iterable[Json], searchable_after: int | None, *, replace: bool
    ) -> None:
        """Add raw documents or items of a list, or replace all of that kind.

        The next `searchable_after` searches do not find the documents.
        """
        if kind in self.lists:
            self.lists[kind] = [*([] if replace else self.lists[kind]), *raw]
            return
        index = self.indexes[kind]
        if replace:
            index.clear()
        documents = [_document(kind, n, given) for n, given in enumerate(raw, len(index))]
        if searchable_after is None:
            index.put(documents)
        else:
            self._late.append((index, documents, searchable_after))

    def before_search(self, searched: Index) -> None:
        """Make late documents searchable that were missing from enough searches."""
        waiting, self._late = self._late, []
        for index, documents, searches in waiting:
            if index is searched and searches == 0:
                index.put(documents)
            else:
                missed = index is searched and searches > 0
                self._late.append((index, documents, searches - missed))

    def find_all(self) -> None:
        """Make all documents searchable."""
        for index, documents, _ in self._late:
            index.put(documents)
        self._late.clear()

    def counts(self) -> dict[str, int]:
        """Return the number of documents of each kind."""
        return {name: len(index) for name, index in self.indexes.items()}


def _document(kind: str, number: int, given: Json) -> Document:
    names = ("_id", *_IDS[kind])
    found = next((given[name] for name in names if given.get(name)), f"document_{number:06d}")
    return Document(str(found), {name: part for name, part in given.items() if name != "_id"})


def touch(
    index: Index, count: int, at: datetime, change: Callable[[Json, datetime], Json]
) -> list[str]:
    """Change some documents, evenly spread; return their ids."""
    count = min(count, len(index))
    chosen = [index.documents[part * len(index) // count] for part in range(count)]
    index.put([Document(document.id, change(document.source, at)) for document in chosen])
    return [document.id for document in chosen]


def edited(source: Json, at: datetime) -> Json:
    """Return a document with another metadata value and `modified_time`."""
    changed, name = {**source, "modified_time": bare(at)}, metadata_name(source)
    metadata = source.get(name, {})
    if isinstance(metadata, dict):  # metadata of another type is not changed
        touches = metadata.get("touches", 0)
        changed[name] = {**metadata, "touches": touches + 1 if isinstance(touches, int) else 1}
    return changed


def metadata_name(source: Json) -> str:
    """Return the name of a document's custom properties."""
    return "body" if "body" in source and "metadata" not in source else "metadata"


def subscriptions_of(company: Json) -> list[Json]:
    """Return the subscriptions in a company's document."""
    listed = company.get("subscriptions")
    return [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
