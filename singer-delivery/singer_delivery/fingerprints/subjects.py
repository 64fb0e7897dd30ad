"""The users and companies that messages describe or remove."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

USER, ANONYMOUS, COMPANY = "uac"
"""The first character of a subject's id: its kind."""


class Subject(NamedTuple):
    """The user or company that a message describes.

    Attributes:
        stream: The name of its stream, after the stream maps.
        id: `USER`, `ANONYMOUS` or `COMPANY`, followed by its id.
        via: The user through whom a company is sent, in the same form.
    """

    stream: str
    id: str
    via: str | None = None


class Removal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A removed user or company.

    Attributes:
        stream: The name of its stream, after the stream maps.
        id: The id of its `Subject`.
        via: The `via` of its `Subject`.
        entity_keys: Its keys in all streams that contained it.
        traits: The names of the traits that were sent, if they are to be set to null.
    """

    stream: str
    id: str
    via: str | None = None
    entity_keys: tuple[int, ...] = ()
    traits: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """`User` or `Company`, for the name of an event."""
        return "Company" if self.id.startswith(COMPANY) else "User"
