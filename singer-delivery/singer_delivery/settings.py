"""The settings that all targets share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast

from singer_sdk import typing as th

from singer_delivery.routing.settings import did_you_mean, ineffective_settings
from singer_delivery.sdk import iter_setting_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from jsonschema import ValidationError


Feature = Literal["changed_only", "compression", "null_traits", "on_removed"]
"""Features that a target must name, because its messages or its service must support them.

`changed_only` needs messages with an `entity_key` and a `fingerprint`, `compression` a service that
accepts gzip, and `null_traits` an encoder that uses the setting. `on_removed` needs `changed_only`,
messages with a `subject`, and encoders with a `remover`.
"""

IGNORE, EVENT, NULL_TRAITS, DELETE = "ignore", "event", "null_traits", "delete"
"""The values of `on_removed`; the first is the default."""

_SETTINGS_OF: dict[Feature, tuple[str, ...]] = {
    "changed_only": ("changed_only", "fingerprints_path", "fingerprints_lease", "full_refresh"),
    "compression": ("compression",),
    "null_traits": ("null_traits",),
    "on_removed": ("on_removed", "removed_event", "max_removed"),
}


def delivery_settings(
    *,
    rows: int,
    size: int,
    largest: int | None = None,
    features: Collection[Feature] = (),
    removals: Sequence[str] = (EVENT,),
) -> list[th.Property[Any]]:
    """Declare the settings that all targets share.

    Args:
        rows: The service's maximum number of messages in a batch.
        size: The default of `batch_max_bytes`.
        largest: The service's maximum size of a body, in bytes; by default `size`.
        features: The features that the target offers; others have no settings.
        removals: The values of `on_removed` besides `ignore`.
    """
    missing = {
        name for feature in _SETTINGS_OF.keys() - {*features} for name in _SETTINGS_OF[feature]
    }
    declared = _all_settings(rows, size, largest or size, removals)
    return [setting for setting in declared if setting.name not in missing]


def _all_settings(
    rows: int, size: int, largest: int, removals: Sequence[str]
) -> list[th.Property[Any]]:
    return [
        th.Property(
            "allow_http",
            th.BooleanType(),
            default=False,
            title="Allow plain HTTP",
            description="Allow plain HTTP to other machines; the key and the data are then "
            "unencrypted.",
        ),
        th.Property(
            "batch_size_rows",
            th.IntegerType(minimum=1, maximum=rows),
            default=rows,
            title="Messages per batch",
            description="Send a batch when it has this many messages.",
        ),
        th.Property(
            "batch_max_bytes",
            th.IntegerType(minimum=1_000, maximum=largest),
            default=size,
            title="Bytes per batch",
            description="Maximum size of a request body in bytes, before compression.",
        ),
        th.Property(
            "batch_wait_limit_seconds",
            th.NumberType(exclusive_minimum=0),
            default=5,
            title="Maximum batch wait",
            description="Send an incomplete batch when its first message is this old, in seconds.",
        ),
        th.Property(
            "lanes",
            th.IntegerType(minimum=1, maximum=64),
            default=8,
            title="Requests in flight",
            description="Number of requests sent in parallel. The changes of one user stay in "
            "order.",
        ),
        th.Property(
            "max_requests_per_second",
            th.NumberType(exclusive_minimum=0),
            title="Requests per second",
            description="Maximum number of requests per second, for all lanes together.",
        ),
        th.Property(
            "request_timeout_seconds",
            th.NumberType(exclusive_minimum=0),
            default=30,
            title="Request timeout",
            description="Timeout for the connection, and again for the answer, in seconds; 10 s "
            "at most for the first connection.",
        ),
        th.Property(
            "retry_max_seconds",
            th.NumberType(minimum=0),
            default=600,
            title="Maximum retry time",
            description="Stop the run, with state kept, when one batch has failed for this many "
            "seconds; or after 40 s if the service has not answered at all.",
        ),
        th.Property(
            "compression",
            th.StringType(),
            allowed_values=["gzip", "none"],
            default="gzip",
            title="Compression",
            description="Compression of request bodies.",
        ),
        th.Property(
            "rejects_path",
            th.StringType(min_length=1),
            default="rejects/{target}-{date}.singer.jsonl",
            title="Rejects file",
            description="File for records that cannot be delivered, with the reasons; or "
            "s3://bucket/prefix or gs://bucket/prefix, below which each run writes its own "
            "objects. {target}, {date} and {run_id} are filled in.",
        ),
        th.Property(
            "max_rejects",
            th.IntegerType(minimum=-1),
            default=0,
            title="Maximum rejects",
            description="Exit with 3, after delivering the rest, if more records than this are "
            "rejected; -1 allows any number.",
        ),
        th.Property(
            "null_traits",
            th.StringType(),
            allowed_values=["omit", "send"],
            default="omit",
            title="Null traits",
            description="Whether null traits are left out (omit) or sent to overwrite earlier "
            "values (send).",
        ),
        th.Property(
            "changed_only",
            th.BooleanType(),
            default=False,
            title="Changes only",
            description="Send users and companies only if they changed since they were last "
            "acknowledged. Events are always sent.",
        ),
        th.Property(
            "fingerprints_path",
            th.StringType(min_length=1),
            default=".fingerprints/{target}.sqlite",
            title="Fingerprints",
            description="File for the digests that changed_only compares with; or "
            "postgresql://host/database for runs on several machines, which needs the extra "
            "postgres.",
        ),
        th.Property(
            "fingerprints_lease",
            th.StringType(min_length=1),
            title="Shared lease",
            description="Name under which several runs, such as the windows of a backfill, use "
            "the fingerprints in PostgreSQL together. No two of them may read the same user.",
        ),
        th.Property(
            "full_refresh",
            th.BooleanType(),
            default=False,
            title="Full refresh",
            description="Send everything once more despite changed_only. Meltano does not pass "
            "--full-refresh to loaders.",
        ),
        th.Property(
            "on_removed",
            th.StringType(),
            allowed_values=[IGNORE, *removals],
            default=IGNORE,
            title="Removed users",
            description="What to do for a user or company that a complete read no longer contains, "
            f"or whose row is marked as deleted: {_removals_text(removals)}. Requires "
            "changed_only, "
            "whose store then contains ids too.",
        ),
        th.Property(
            "removed_event",
            th.StringType(min_length=1),
            default="{kind} Removed",
            title="Removal event",
            description="Name of the event that on_removed sends. {kind} is filled in: User or "
            "Company.",
        ),
        th.Property(
            "max_removed",
            th.NumberType(minimum=0, maximum=100),
            default=10,
            title="Maximum removals",
            description="Maximum share of a stream's users or companies to remove, in percent. If "
            "a complete read lacks more, the run stops with exit code 1 and removes none.",
        ),
        th.Property(
            "dry_run",
            th.BooleanType(),
            default=False,
            title="Dry run",
            description="Do everything except sending. No state and no rejects file is written; "
            "the exit code is that of a real run.",
        ),
        th.Property(
            "dry_run_path",
            th.StringType(min_length=1),
            title="Dry run file",
            description="File for the request bodies of a dry run, one per line.",
        ),
        th.Property(
            "outcomes_path",
            th.StringType(min_length=1),
            title="Outcomes file",
            description="File for the outcome of each record, as a Singer stream that any target "
            "can load; it contains the records' keys. Also s3:// or gs://. {target}, {date} and "
            "{run_id} are filled in.",
        ),
        th.Property(
            "validate_records",
            th.BooleanType(),
            default=False,
            title="Validate records",
            description="Reject records that do not match their stream's schema. This makes a run "
            "several times slower.",
        ),
        th.Property(
            "summary_path",
            th.StringType(min_length=1),
            title="Summary file",
            description="File for the run's summary as JSON, written for every exit code; or the "
            "URL of an object, s3:// or gs://. {target}, {date} and {run_id} are filled in.",
        ),
        th.Property(
            "history_path",
            th.StringType(min_length=1),
            title="History file",
            description="File to which each run appends its summary and its last message, as a "
            "Singer stream; below s3:// or gs:// each run adds an object. {target}, {date} and "
            "{run_id} are filled in.",
        ),
        th.Property(
            "spool_path",
            th.StringType(min_length=1),
            default=".spool/{target}",
            title="Spool",
            description="Folder for files to be uploaded to s3:// or gs://. Files that a run "
            "could not upload are uploaded by the next run. {target} is filled in.",
        ),
        th.Property(
            "metrics_path",
            th.StringType(min_length=1),
            title="Metrics file",
            description="Textfile for Prometheus, written each minute and at the end. Its name "
            "without .prom is the label pipeline. {target} is filled in.",
        ),
    ]


_REMOVALS = {
    EVENT: "send an event (event)",
    NULL_TRAITS: "set the traits that were sent to null (null_traits)",
    DELETE: "delete it (delete)",
}


def _removals_text(removals: Sequence[str]) -> str:
    return ", ".join(["nothing (ignore)", *(_REMOVALS[each] for each in removals)])


_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a JSON object",
    "array": "a JSON list",
}
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "greater than", "maximum": "at most"}


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """The values of the shared settings, described in `delivery_settings`.

    The settings of features that the target does not offer are None.
    """

    batch_size_rows: int
    batch_max_bytes: int
    batch_wait_limit_seconds: float
    lanes: int
    max_requests_per_second: float | None
    request_timeout_seconds: float
    retry_max_seconds: float
    compression: str | None
    rejects_path: str
    max_rejects: int
    changed_only: bool | None
    fingerprints_path: str | None
    fingerprints_lease: str | None
    full_refresh: bool | None
    dry_run: bool
    dry_run_path: str | None
    outcomes_path: str | None
    validate_records: bool
    summary_path: str | None
    history_path: str | None
    spool_path: str
    metrics_path: str | None
    on_removed: str | None = None
    removed_event: str | None = None
    max_removed: float | None = None

    @property
    def removes(self) -> bool:
        """Whether removals are detected."""
        return self.on_removed not in {None, IGNORE}

    @classmethod
    def of(cls, config: Mapping[str, Any], schema: Mapping[str, Any]) -> DeliverySettings:
        """Return the settings from a validated configuration with defaults.

        Args:
            config: All settings.
            schema: JSON schema of all settings; others have no effect.
        """
        declared = schema["properties"]
        # singer-sdk reads fractions as Decimal, which cannot be added to the times of a clock.
        values: dict[str, Any] = {
            name: float(value)
            if isinstance(value := config.get(name), Decimal)
            else value
            if name in declared
            else None
            for name in (field.name for field in fields(cls))
        }
        return cls(**values)


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
