"""Suggests a route for an application's table, by the names of the table and its columns.

It is only used in the error message for an unknown stream.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_delivery.reading.streams import InputStream

    Route = dict[str, Any]

_PERSON = (
    "(user|customer|client|contact|person|people|member|lead|subscriber|employee|patient|student"
    "|profile)"
)
_COMPANY = "(company|companie|account|organi[sz]ation|org|tenant|workspace|team|firm)"

# Names of tables. The last word is the kind of the rows: `user_orders` contains orders.
_PEOPLE = re.compile(f"{_PERSON}s?$")
_COMPANIES = re.compile(f"{_COMPANY}s?$")
_USER_ACCOUNTS = re.compile(f"{_PERSON}.*accounts?$")
_EVENT_WORDS = re.compile(
    "order|invoice|payment|charge|booking|transaction|purchase|subscription|refund|ticket|session"
    "|visit|event|log|audit|history|message|item|product|contract|review|quote|application|deal"
)

# Names of columns, in lower case, letters and digits only.
_OF_A_PERSON = re.compile("e?mail(address)?|(first|last|given|family|full)name|username")
_NAME_OF_A_PERSON = re.compile("(first|last|given|family|full)name")
_OWNER_ID = re.compile("(owner|buyer)(id|uuid)")
_USER_ID = re.compile(
    "(user|customer|client|contact|person|member|subscriber|buyer|owner)(id|uuid)"
)
_GROUP_ID = re.compile("(group|company|organi[sz]ation|org|team|tenant|workspace)(id|uuid)")
_TIME = re.compile("(created|occurred|happened|placed|sent|logged)at|(event|request)?time(stamp)?")
_SECRET = re.compile(
    "passw|passphrase|pwd|secret|token|salt$|credential|(api|private)key|ssn$|cvv|iban"
)


class Table(NamedTuple):
    """A table of an application.

    Attributes:
        words: The words of its name, in lower case, without its schema.
        columns: The names of its columns, by their lower-case letters and digits.
        key: The column of its primary key, or its `id`.
    """

    words: tuple[str, ...]
    columns: Mapping[str, str]
    key: str | None

    @classmethod
    def of(cls, stream: InputStream) -> Table:
        """Return the table of a stream."""
        name = re.split(r"[-./]|__", re.sub("_view$", "", stream.name, flags=re.IGNORECASE))[-1]
        words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+", name)
        columns = {re.sub(r"[\W_]", "", column).lower(): column for column in stream.fields}
        keys = stream.key_properties
        key = keys[0] if len(keys) == 1 else columns.get("id")
        return cls(tuple(map(str.lower, words)), columns, key)

    def route(self, calls: Sequence[str]) -> Route | None:
        """Suggest a route, if the names imply one.

        Args:
            calls: The calls that the target can make.
        """
        if self._holds_people and (user := self._user_id):
            return self._with_exclude({"call": "identify", "user_id": user})
        users = [column for column in self._matching(_USER_ID) if column != self.key]
        if len(users) > 1 or self.key in self._matching(_USER_ID):
            return None
        if self._holds_companies:
            return self._company(users, calls)
        return self._of_a_user(users[0]) if users else None

    @property
    def _holds_people(self) -> bool:
        """Whether its rows are people with names or email addresses."""
        if not self._matching(_OF_A_PERSON):
            return False
        name = "".join(self.words)
        is_named = bool(self._matching(_NAME_OF_A_PERSON)) and not self._holds_companies
        return bool(
            _PEOPLE.search(self._subject)
            or _USER_ACCOUNTS.search(name)
            or (is_named and not _EVENT_WORDS.search(name))
        )

    @property
    def _holds_companies(self) -> bool:
        return bool(_COMPANIES.search(self._subject)) and not _USER_ACCOUNTS.search(
            "".join(self.words)
        )

    @property
    def _subject(self) -> str:
        """The last word of the name, which is the kind of its rows."""
        return next((word for word in reversed(self.words) if not word.isdigit()), "")

    @property
    def _user_id(self) -> str | None:
        """The column with the id of a row's person."""
        ids = [each for each in self._matching(_USER_ID) if each not in self._matching(_OWNER_ID)]
        return ids[0] if len(ids) == 1 else self.key

    def _company(self, users: Sequence[str], calls: Sequence[str]) -> Route | None:
        if self.key is None:
            return None
        if users:
            return self._with_exclude({"call": "group", "user_id": users[0], "group_id": self.key})
        if "company" in calls:
            return self._with_exclude({"call": "company", "group_id": self.key})
        return None

    def _of_a_user(self, user: str) -> Route:
        """Suggest a route for rows with a user id."""
        groups = self._matching(_GROUP_ID)
        if len(groups) == 1 and not _EVENT_WORDS.search("".join(self.words)):
            return self._with_exclude({"call": "group", "user_id": user, "group_id": groups[0]})
        words = " ".join(self.words).title() or "Event"
        event = self.columns.get("event") or {"literal": words}
        route: Route = {"call": "track", "user_id": user, "event": event}
        times = self._matching(_TIME)
        return self._with_exclude({**route, "timestamp": times[0]} if len(times) == 1 else route)

    def _with_exclude(self, route: Route) -> Route:
        """Exclude columns with secrets, by their names."""
        secrets = [each for plain, each in self.columns.items() if _SECRET.search(plain)]
        return {**route, "exclude": secrets} if secrets else route

    def _matching(self, names: re.Pattern[str]) -> list[str]:
        return [column for plain, column in self.columns.items() if names.fullmatch(plain)]
