"""What Moesif's collector was sent, what became of it, and which types its metadata had."""

from collections.abc import Iterator, Sequence

from moesif_sandbox.moesif.collector.rules import KINDS, Kind
from moesif_sandbox.moesif.search import Json
from moesif_sandbox.web import RefusedError

_TYPES = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number",
}  # fmt: skip


class CollectorLedger:
    """Every request, and the elements that were taken or dropped, by kind and as they came."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.requests: list[Json] = []  # also those that were refused
        self.refused: list[Json] = []  # of these requests; nothing of them is taken
        self.accepted: dict[str, list[Json]] = {kind.name: [] for kind in KINDS}
        self.duplicates: dict[str, list[Json]] = {kind.name: [] for kind in KINDS}
        self.callers_address: list[str] = []  # events that named no address
        self._types: dict[str, str] = {}
        self._transactions: set[object] = set()

    def learn_types(self, kind: Kind, elements: Sequence[Json]) -> None:
        """Remember the types of the elements' metadata, or none if one differs from before.

        Moesif, 'User metadata': 'once Moesif has seen a key with one type, a value of another type
        is not accepted'. Null is no type; whole numbers and fractions are both numbers.
        """
        new: dict[str, str] = {}
        for number, element in enumerate(elements):
            for path, found in _types_of(element.get("metadata"), f"{kind.name}.metadata"):
                known = self._types.get(path) or new.setdefault(path, found)
                if known != found:
                    detail = f"element {number}: {path} was of type {known} and is {found}"
                    raise RefusedError(detail, "type_changed")
        self._types |= new

    def receive(self, kind: Kind, elements: Sequence[Json]) -> list[Json]:
        """Record the elements of a request that was taken; return those that are no repeats.

        A `transaction_id` that came before, in an action or in an event, is a repeat.
        """
        fresh = []
        for element in elements:
            transaction = element.get("transaction_id") if kind.is_event else None
            if transaction in self._transactions:
                self.duplicates[kind.name].append(element)
                continue
            if transaction is not None:
                self._transactions.add(transaction)
            fresh.append(element)
        self.accepted[kind.name] += fresh
        return fresh

    def ids(self) -> dict[str, list[object]]:
        """Return the ids of what was accepted, each once, in the order in which they came."""
        named = {
            kind.name: [one.get(kind.id_field) for one in self.accepted[kind.name]]
            for kind in KINDS
        }
        return {name: [*filter(None, dict.fromkeys(ids))] for name, ids in named.items()}


def _types_of(value: object, path: str) -> Iterator[tuple[str, str]]:
    if value is not None:
        yield path, _TYPES[type(value)]
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _types_of(part, f"{path}.{name!r}")  # quoted: a name may hold a dot
    elif isinstance(value, list):  # all elements of a list are of one type, too
        for part in value:
            yield from _types_of(part, f"{path}[]")
