"""Validates settings, and describes wrong ones without their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from singer_delivery.routing.settings import did_you_mean, ineffective_settings
from singer_delivery.sdk import iter_setting_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import ValidationError

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a JSON object",
    "array": "a JSON list",
}
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "greater than", "maximum": "at most"}


def setting_errors(schema: dict[str, Any], config: dict[str, Any], env_prefix: str) -> list[str]:
    """Check a configuration and fill in its defaults.

    Returns:
        A sentence for each wrong setting, without its value, which may be a key.
    """
    found = [*iter_setting_errors(schema, config)]
    sentences = [sentence for error in found for sentence in _sentences(error, env_prefix)]
    # jsonschema reports an error for each missing setting, and each names all missing ones.
    return [*dict.fromkeys(sentences)] or [*ineffective_settings(config.get("streams") or {})]


def _sentences(error: ValidationError, env_prefix: str) -> Iterator[str]:
    instance, wanted = cast("Any", error.instance), cast("Any", error.validator_value)
    path = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        for name in wanted:
            if name not in instance:
                variable = "" if path else f", or {env_prefix}{name.upper()}"
                yield f"Setting {path}{path and '.'}{name} is missing: set it{variable}."
    elif error.validator == "additionalProperties":
        known = cast("dict[str, Any]", error.schema)["properties"]
        for name in instance.keys() - known.keys():
            yield f"Setting {path}.{name}: there is no such setting{did_you_mean(name, known)}"
    elif error.validator == "anyOf" and (inner := _inner_error(error)):
        yield from _sentences(inner, env_prefix)
    else:
        yield f"Setting {path}: its value must {_rule(str(error.validator), wanted, instance)}"


def _inner_error(error: ValidationError) -> ValidationError | None:
    """Return the error inside a value that matches none of several schemas."""
    depth = len(error.absolute_path)
    return next((each for each in error.context if len(each.absolute_path) > depth), None)


def _rule(validator: str, wanted: Any, instance: object) -> str:  # noqa: ANN401, JSON
    """Describe what a keyword of JSON Schema requires of a value."""
    match validator:
        case "type":
            return f"be {_either(wanted)}."
        case "anyOf":
            return f"be {_either(*(each['type'] for each in wanted if 'type' in each))}."
        case "enum":
            names = [name for name in wanted if name is not None]
            return f"be one of {', '.join(names)}{did_you_mean(str(instance), names) or '.'}"
        case "minimum" | "exclusiveMinimum" | "maximum":
            return f"be {_BOUNDS[validator]} {wanted}."
        case "minLength":
            return "not be empty."
    return f"match {wanted}." if validator == "pattern" else f"satisfy '{validator}'."


def _either(*types: str | list[str]) -> str:
    """Describe alternative types of JSON Schema, except null."""
    names = [name for each in types for name in ([each] if isinstance(each, str) else each)]
    return " or ".join(_TYPES[name] for name in names if name != "null") or "null"
