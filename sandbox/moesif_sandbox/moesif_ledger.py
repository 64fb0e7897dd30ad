"""What Moesif's collector was sent, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moesif_sandbox.moesif_collector import KINDS
from moesif_sandbox.moesif_types import TypeMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moesif_sandbox.moesif_collector import Kind
    from moesif_sandbox.moesif_dsl import Json


def _lists() -> dict[str, list[Json]]:
    return {kind.name: [] for kind in KINDS}


def _memories() -> dict[str, TypeMemory]:
    return {kind.name: TypeMemory() for kind in KINDS}


@dataclass
class CollectorLedger:
    """Every request, and the elements that were taken or dropped, by kind and as they came."""

    requests: list[Json] = field(default_factory=list)  # also those that were refused
    accepted: dict[str, list[Json]] = field(default_factory=_lists)
    duplicates: dict[str, list[Json]] = field(default_factory=_lists)
    callers_address: list[str] = field(default_factory=list)  # events that named no address
    refused: list[Json] = field(default_factory=list)  # of these requests; nothing of them is taken
    types: dict[str, TypeMemory] = field(default_factory=_memories)
    _transactions: set[object] = field(default_factory=set)

    def receive(self, kind: Kind, elements: Sequence[Json]) -> list[Json]:
        """Record the elements of a request that was taken; return those that are no repeats.

        A `transaction_id` is a repeat whenever it came before, in an action or in an event.
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
        return {
            kind.name: list(dict.fromkeys(_ids(kind, self.accepted[kind.name]))) for kind in KINDS
        }


def _ids(kind: Kind, elements: Sequence[Json]) -> list[object]:
    return [element[kind.id_field] for element in elements if element.get(kind.id_field)]
