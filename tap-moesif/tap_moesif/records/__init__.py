"""Conversion of raw Moesif documents to records; pure."""

from tap_moesif.records.fields import Field, Kind, json_schema
from tap_moesif.records.maker import Document, Record, RecordMaker, unchanged
from tap_moesif.records.origin import with_origin
from tap_moesif.records.partial import PartialReader
from tap_moesif.records.plain import plain
from tap_moesif.records.times import utc

__all__ = [
    "Document",
    "Field",
    "Kind",
    "PartialReader",
    "Record",
    "RecordMaker",
    "json_schema",
    "plain",
    "unchanged",
    "utc",
    "with_origin",
]
