"""From a raw Moesif document to a record; pure."""

from tap_moesif.records.fields import Field, Kind, json_schema, nested_paths
from tap_moesif.records.maker import Document, Record, RecordMaker, as_it_is
from tap_moesif.records.origin import with_origin
from tap_moesif.records.plain import plain
from tap_moesif.records.times import utc

__all__ = [
    "Document",
    "Field",
    "Kind",
    "Record",
    "RecordMaker",
    "as_it_is",
    "json_schema",
    "nested_paths",
    "plain",
    "utc",
    "with_origin",
]
