"""Messages for the removal of users and companies; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from singer_delivery import Message, RecordRejected
from singer_delivery.fingerprints.changes import REMOVED
from singer_delivery.fingerprints.subjects import COMPANY
from singer_delivery.values import encode
from target_moesif.rules import COMPANY as COMPANIES
from target_moesif.rules import KINDS
from target_moesif.rules import USER as USERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_delivery.fingerprints.subjects import Removal
    from target_moesif.documents import DocumentBuilder


DELETIONS = len(KINDS)
"""Index of the endpoint of deletions, after those of documents."""


def deletion(removal: Removal) -> Message:
    """Return the message that deletes a user or a company.

    Raises:
        RecordRejected: Its id cannot be part of a URL.
    """
    id_ = removal.id[1:]
    if id_ in {".", ".."}:
        raise RecordRejected("id_not_deletable", "Its id cannot be part of a URL: it is only dots.")
    kind = COMPANIES if removal.id.startswith(COMPANY) else USERS
    body = encode({"delete": f"{kind.path}/{quote(id_, safe='')}"})
    return _as_removal(Message(id_, body, DELETIONS, call="delete"), removal)


@dataclass(frozen=True, slots=True)
class Remover:
    """Makes the message for a removal.

    Attributes:
        documents: Builds the documents.
        event: Name of the action, with the placeholder `{kind}`; None to set the metadata to null.
        now: Returns the current time as ISO 8601.
    """

    documents: DocumentBuilder
    event: str | None
    now: Callable[[], str]

    def __call__(self, removal: Removal) -> Message:
        """Return the message for a removal."""
        if self.event is None:
            message = self._without_metadata(removal)
        else:
            message = self._action(removal, self.event.replace("{kind}", removal.kind))
        return _as_removal(message, removal)

    def _action(self, removal: Removal, name: str) -> Message:
        """Return an action, with the same id whenever it is sent."""
        document = {"action_name": name, _id_of(removal): removal.id[1:], "request": {}}
        message = self.documents.action(document, self.now(), b"removal")
        message.id_at = message.body.index(message.id.encode())
        return message

    def _without_metadata(self, removal: Removal) -> Message:
        document: dict[str, Any] = {_id_of(removal): removal.id[1:]}
        if removal.traits:
            document["metadata"] = dict.fromkeys(removal.traits)
        make = self.documents.company if _id_of(removal) == "company_id" else self.documents.user
        return make(document)


def _id_of(removal: Removal) -> str:
    """Return the name of the id field."""
    return "company_id" if removal.id.startswith(COMPANY) else "user_id"


def _as_removal(message: Message, removal: Removal) -> Message:
    message.entity_key = next(iter(removal.entity_keys), None)
    message.fingerprint = REMOVED
    message.removes = removal.entity_keys
    message.subject = None
    return message
