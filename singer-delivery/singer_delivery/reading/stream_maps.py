"""Errors of singer-sdk's stream maps, without values of records or settings.

singer-sdk has the field of a failed expression only in the local variables of its frames, and its
messages may contain an expression or a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_UNKNOWN = "unknown"


def failed_field(error: Exception) -> tuple[str, str]:
    """Return the field whose stream map failed on a record, and the kind of the error."""
    field = _UNKNOWN
    for frame in _frames(error):
        if "property_name" in frame.f_locals:
            name = frame.f_locals["property_name"]
            field = "__filter__" if name is None else name
    return field, _kind(error)


def stream_map_error(error: Exception) -> str | None:
    """Return what is wrong with the stream maps of a stream, or None for another error.

    Args:
        error: The error from registering the stream's schema.
    """
    if isinstance(error, StreamMapConfigError):
        return str(error)  # it contains names of settings only
    field = _UNKNOWN
    for frame in _frames(error):
        match frame.f_code.co_name:
            case "flatten_schema":
                return None
            case "_eval_stream":
                field = "__alias__"
            case "_init_functions_and_schema":
                field = frame.f_locals.get("prop_key", "__filter__")
    return None if field == _UNKNOWN else f"{field} is not a valid expression ({_kind(error)})."


def fix_schema(config_jsonschema: dict[str, Any]) -> None:
    """Remove invalid parts, which break validation, from singer-sdk's schema of `stream_maps`."""
    if maps := config_jsonschema["properties"].get("stream_maps"):
        _keep_schemas(maps)


def _keep_schemas(schema: Any) -> None:  # noqa: ANN401, JSON
    if isinstance(schema, dict):
        if "anyOf" in schema:
            schema["anyOf"] = [each for each in schema["anyOf"] if isinstance(each, dict)]
        for inner in schema.values():
            _keep_schemas(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _keep_schemas(inner)


def _kind(error: Exception) -> str:
    return type(error.__cause__ if isinstance(error, MapExpressionError) else error).__name__


def _frames(error: Exception) -> Iterator[FrameType]:
    """Return the frames of an error's traceback, the outermost first."""
    place = error.__traceback__
    while place is not None:
        yield place.tb_frame
        place = place.tb_next
