"""Messages for the removal of users and groups; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_delivery.fingerprints.changes import REMOVED
from singer_delivery.fingerprints.subjects import ANONYMOUS, COMPANY
from singer_delivery.values import NULL
from target_segment import moesif

if TYPE_CHECKING:
    from singer_delivery import Message
    from singer_delivery.fingerprints.subjects import Removal
    from target_segment.messages import Messages

    Call = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Remover:
    """Makes the message for a removal.

    Attributes:
        messages: Encodes calls.
        event: Name of the event, with the placeholder `{kind}`; None to set traits to null.
        shape: The known shape of the stream's records, if any.
    """

    messages: Messages
    event: str | None
    shape: str = ""

    def __call__(self, removal: Removal) -> Message:
        """Return the message for a removal.

        Raises:
            RecordRejected: Segment would discard it.
        """
        call = self._call(removal)
        if self.shape.startswith(moesif.SHAPE_PREFIX):
            call["integrations"] = moesif.NOT_INTO_MOESIF
        message = self.messages.message(call, changes=True)
        message.entity_key = next(iter(removal.entity_keys), None)
        message.fingerprint = REMOVED
        message.removes = removal.entity_keys
        message.subject = None
        return message

    def _call(self, removal: Removal) -> Call:
        is_company = removal.id.startswith(COMPANY)
        call = _sender(removal)
        if self.event is not None:
            name = self.event.replace("{kind}", removal.kind)
            call |= {"type": "track", "event": name, "properties": {}}
            return call | {"context": {"groupId": removal.id[1:]}} if is_company else call
        call |= {"type": "group", "groupId": removal.id[1:]} if is_company else {"type": "identify"}
        # The user is not active.
        return call | {"traits": dict.fromkeys(removal.traits, NULL), "context": {"active": False}}


def _sender(removal: Removal) -> Call:
    """Return the id field of the user, or of the user in a company's call."""
    user = removal.via or removal.id
    return {"anonymousId" if user.startswith(ANONYMOUS) else "userId": user[1:]}
