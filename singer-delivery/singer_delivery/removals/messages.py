"""The message for a removal, and its line in the rejects file, which can be replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from singer_delivery.fingerprints.subjects import Removal

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.sending.batching import Message

Remover: TypeAlias = "Callable[[Removal], Message]"
"""Makes the message for a removal."""

REMOVAL_FIELD = "_delivery_removal"
"""The field that contains the removal, in a record of the rejects file."""


def removal_of(message: Message) -> Removal:
    """Return the removal of the user or company that a message describes."""
    if message.subject is None:
        raise TypeError("the message describes no user or company")
    entity_keys = () if message.entity_key is None else (message.entity_key,)
    return Removal(*message.subject, entity_keys=entity_keys, traits=message.traits)


def removal_line(stream: str, removal: Removal) -> bytes:
    """Return the RECORD line of a removal, for the rejects file."""
    record = {REMOVAL_FIELD: removal}
    return msgspec.json.encode({"type": "RECORD", "stream": stream, "record": record})
