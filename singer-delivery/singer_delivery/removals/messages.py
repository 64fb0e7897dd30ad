"""How a removal is told: by a message, or by a line in the rejects file that can be replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from singer_delivery.fingerprints.identities import Removal

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.sending.batching import Message

Remover: TypeAlias = "Callable[[Removal], Message]"
"""Makes the message that tells who is gone."""

REMOVAL_FIELD = "_delivery_removal"
"""The field of a line in the rejects file that holds a removal, to be replayed."""


def removal_of(message: Message) -> Removal:
    """Return the removal of the user or company that a message describes."""
    if message.subject is None:
        raise TypeError("it describes none")
    entity_keys = () if message.entity_key is None else (message.entity_key,)
    return Removal(*message.subject, entity_keys=entity_keys, traits=message.traits)


def removal_line(stream: str, removal: Removal) -> bytes:
    """Return a RECORD line that stands for a removal in the rejects file."""
    record = {REMOVAL_FIELD: removal}
    return msgspec.json.encode({"type": "RECORD", "stream": stream, "record": record})
