"""The streams: each a declaration. How they are read is said once, in `MoesifStream`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from typing_extensions import override

from tap_moesif import schemas, usage
from tap_moesif.client import MoesifError, changed_between
from tap_moesif.documents import SESSION_TOKEN, RecordMaker, as_it_is, user_document
from tap_moesif.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_moesif.client import Hit
    from tap_moesif.tap import TapMoesif

STATE_EVERY_RECORDS = 1_000
REPLICATION_KEY = "modifiedTime"
RAW_REPLICATION_KEY = "modified_time"


class MoesifStream(Stream):
    """A stream of documents found by search, oldest change first.

    A subclass declares what differs between streams, and nothing else.

    Attributes:
        path_setting: The setting that holds the search's path.
        scope: What the management key must be allowed to do.
        fields: Of a record.
        usage_field: Holds this stream's id in an event, where `fields` have the roll-up.
    """

    path_setting: ClassVar[str]
    scope: ClassVar[str]
    fields: ClassVar[tuple[schemas.Field, ...]]
    usage_field: ClassVar[str]

    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    replication_key = REPLICATION_KEY
    is_sorted = True
    STATE_MSG_FREQUENCY = STATE_EVERY_RECORDS
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # `documents` conforms, and loses nothing

    _tap: TapMoesif

    prepare = staticmethod(as_it_is)

    def __init__(self, tap: TapMoesif) -> None:
        super().__init__(tap, schema=schemas.json_schema(self.fields))
        self._began = datetime.fromtimestamp(tap.initialized_at / 1000, tz=timezone.utc)
        self._make_record = RecordMaker(
            self.fields,
            prepare=self.prepare,
            drop=() if self.config["emit_session_tokens"] else (SESSION_TOKEN,),
            misfit=self._warn_of_misfit,
        )
        self._misfits: Counter[str] = Counter()
        self._bookmark = "0"  # before any time

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        pages = self._tap.moesif.pages(
            self.config[self.path_setting],
            changed_between(RAW_REPLICATION_KEY, self._since(context), self.config.get("end_date")),
            # The engine puts those without a time last.
            sort=[
                {RAW_REPLICATION_KEY: {"order": "asc", "unmapped_type": "date"}},
                {"_id": {"order": "asc"}},
            ],
            size=self.config["page_size"],
            scope=self.scope,
        )
        for hits in pages:
            records = [record for hit in hits if (record := self._record(hit)) is not None]
            if self._rolls_up:
                self._add_usage(records)
            yield from records

    def _since(self, context: Context | None) -> str | None:
        """Where to begin: the bookmark less the time that Moesif may be late, or `start_date`."""
        state = self.get_context_state(context)
        bookmark = state.get("replication_key_value")
        if bookmark is None or self.replication_method == "FULL_TABLE":
            start: str | None = self.config.get("start_date")
            return start
        late = timedelta(minutes=self.config["lookback_minutes"])
        try:
            self._bookmark = state["replication_key_value"] = utc(bookmark)
            return utc((datetime.fromisoformat(self._bookmark[:-1]) - late).isoformat())
        except (ValueError, OverflowError) as error:
            raise MoesifError(
                f"The bookmark of '{self.name}' in the state is no time; take it out to read "
                "everything again."
            ) from error

    def _record(self, hit: Hit) -> Record | None:
        record = self._make_record(hit)
        if record is None:
            self.logger.warning("A document without any id was left out of '%s'", self.name)
        return record

    def _warn_of_misfit(self, path: str) -> None:
        self._misfits[path] += 1
        if self._misfits[path] == 1:
            self.logger.warning(
                "Some '%s' in '%s' is of another type than expected; such values are kept under "
                "additionalFields",
                path,
                self.name,
            )

    @property
    def _rolls_up(self) -> bool:
        wanted = self.config["usage_rollup"] and schemas.USAGE in self.fields
        return bool(wanted and self.mask.get(("properties", schemas.USAGE.name), True))

    def _add_usage(self, records: list[Record]) -> None:
        """Give each record its roll-up, but those that brought one along."""
        missing = [
            record
            for record in records
            if record.get(schemas.USAGE.name) is None and usage.is_searchable(record["id"])
        ]
        start, end = usage.window(self._began)
        for first in range(0, len(missing), usage.MAX_IDS):
            some = missing[first : first + usage.MAX_IDS]
            answer = self._tap.moesif.search(
                usage.EVENTS_PATH,
                usage.usage_search(self.usage_field, [r["id"] for r in some], start, end),
                params={"from": start, "to": end},
                scope=usage.EVENTS_SCOPE,
                otherwise=", or set usage_rollup: false",
            )
            try:
                roll_ups = usage.read_usage(answer)
            except (LookupError, TypeError, ValueError) as error:
                raise MoesifError(
                    "Moesif's answer to the search for usage has not the shape of one; set "
                    "usage_rollup: false to sync without last24HourAggResults."
                ) from error
            for record in some:
                record[schemas.USAGE.name] = roll_ups.get(record["id"]) or usage.no_usage()

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Bookmarks come from Moesif's times only; this machine's clock has no part in them."""

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        # What is read again from before the bookmark does not move it back.
        if (latest_record.get(REPLICATION_KEY) or "") >= self._bookmark:
            super()._increment_stream_state(latest_record, context=context)


class Users(MoesifStream):
    """Moesif's user profiles."""

    name = "users"
    path_setting = "users_path"
    scope = "read:users"
    fields = schemas.USER
    usage_field = "user_id"
    prepare = staticmethod(user_document)


class Companies(MoesifStream):
    """Moesif's company profiles."""

    name = "companies"
    path_setting = "companies_path"
    scope = "read:companies"
    fields = schemas.COMPANY
    usage_field = "company_id"
