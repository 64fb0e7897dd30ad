"""The settings that all targets share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast

from singer_sdk import typing as th

from singer_delivery.routing.settings import did_you_mean, pointless
from singer_delivery.sdk import iter_setting_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from jsonschema import ValidationError


Feature = Literal["changed_only", "compression", "null_traits", "on_removed"]
"""Features that a target must name, because its messages or its service must support them.

`changed_only` needs messages with an `entity_key` and a `fingerprint`, `compression` a service that
takes gzip, and `null_traits` an encoder that heeds the setting. `on_removed` needs `changed_only`,
messages with a `subject`, and encoders with a `remover`.
"""

IGNORE, EVENT, NULL_TRAITS, DELETE = "ignore", "event", "null_traits", "delete"
"""What `on_removed` may be; the first is the default."""

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
        rows: The most messages in a batch that the service takes.
        size: The default of `batch_max_bytes`.
        largest: The largest body in bytes that the service takes; by default `size`.
        features: The features that the target offers; others have no settings.
        removals: What `on_removed` may be besides `ignore`.
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
            title="Allow plain http",
            description="Allow sending to another machine over plain http, with the key and the "
            "data unencrypted.",
        ),
        th.Property(
            "batch_size_rows",
            th.IntegerType(minimum=1, maximum=rows),
            default=rows,
            title="Messages in a batch",
            description="Send a batch when it holds this many messages.",
        ),
        th.Property(
            "batch_max_bytes",
            th.IntegerType(minimum=1_000, maximum=largest),
            default=size,
            title="Bytes in a batch",
            description="Send a batch before its body, uncompressed, gets larger than this.",
        ),
        th.Property(
            "batch_wait_limit_seconds",
            th.NumberType(exclusive_minimum=0),
            default=5,
            title="Longest wait for a batch",
            description="Send a batch that is not full when its first message is this old.",
        ),
        th.Property(
            "lanes",
            th.IntegerType(minimum=1, maximum=64),
            default=8,
            title="Requests in flight",
            description="Send this many requests at once; one user's changes stay in order.",
        ),
        th.Property(
            "max_requests_per_second",
            th.NumberType(exclusive_minimum=0),
            title="Requests per second",
            description="Send no more than this many requests a second, all lanes together.",
        ),
        th.Property(
            "request_timeout_seconds",
            th.NumberType(exclusive_minimum=0),
            default=30,
            title="Request timeout",
            description="Wait this long for a connection, and again for an answer; for a first "
            "connection 10 s at most.",
        ),
        th.Property(
            "retry_max_seconds",
            th.NumberType(minimum=0),
            default=600,
            title="Retry for at most",
            description="Stop the run, state kept, when one batch has failed for this long; from "
            "the start, when nothing answers, after 40 s.",
        ),
        th.Property(
            "compression",
            th.StringType(),
            allowed_values=["gzip", "none"],
            default="gzip",
            title="Compression",
            description="How request bodies are compressed.",
        ),
        th.Property(
            "rejects_path",
            th.StringType(min_length=1),
            default="rejects/{target}-{date}.singer.jsonl",
            title="Rejects file",
            description="The file for records that cannot be delivered, with the reason; or "
            "s3://bucket/prefix or gs://bucket/prefix, below which each run writes objects of its "
            "own. {target}, {date} and {run_id} are filled in.",
        ),
        th.Property(
            "max_rejects",
            th.IntegerType(minimum=-1),
            default=0,
            title="Rejects allowed",
            description="Exit 3, after delivering the rest, when more records than this were "
            "rejected; -1 allows any number.",
        ),
        th.Property(
            "null_traits",
            th.StringType(),
            allowed_values=["omit", "send"],
            default="omit",
            title="Null traits",
            description="Whether a trait that is null is left out (omit), or sent so that it "
            "overwrites (send).",
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
            description="The file in which changed_only keeps digests of what was acknowledged; or "
            "postgresql://host/database for runs on many machines, which needs the extra postgres.",
        ),
        th.Property(
            "fingerprints_lease",
            th.StringType(min_length=1),
            title="Shared lease",
            description="A name under which several runs may use the fingerprints in PostgreSQL at "
            "once, such as the windows of a backfill. No two of them may read the same user.",
        ),
        th.Property(
            "full_refresh",
            th.BooleanType(),
            default=False,
            title="Full refresh",
            description="Send everything once more in spite of changed_only. Meltano does not pass "
            "its --full-refresh on to loaders.",
        ),
        th.Property(
            "on_removed",
            th.StringType(),
            allowed_values=[IGNORE, *removals],
            default=IGNORE,
            title="Removed users",
            description="What becomes of a user or company that a complete read no longer "
            f"contains, or whose row is marked as deleted: {_removals_text(removals)}. It needs "
            "changed_only, whose store then keeps the ids too.",
        ),
        th.Property(
            "removed_event",
            th.StringType(min_length=1),
            default="{kind} Removed",
            title="Event of a removal",
            description="The name of the event that on_removed sends. {kind} is filled in: User or "
            "Company.",
        ),
        th.Property(
            "max_removed",
            th.NumberType(minimum=0, maximum=100),
            default=10,
            title="Removals allowed",
            description="Stop with exit code 1, before anything is removed, when a complete read "
            "lacks more than this many percent of the users or companies known of its stream.",
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
            description="The file for the request bodies of a dry run, one per line.",
        ),
        th.Property(
            "outcomes_path",
            th.StringType(min_length=1),
            title="Outcomes file",
            description="The file for the outcome of each record, as a Singer stream that any "
            "target loads; it holds the records' keys. Also s3:// or gs://. {target}, {date} and "
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
            description="The file for the run's summary as JSON, written whatever the exit code; "
            "or the URL of an object, s3:// or gs://. {target}, {date} and {run_id} are filled in.",
        ),
        th.Property(
            "history_path",
            th.StringType(min_length=1),
            title="History file",
            description="The file to which each run adds its summary and the sentence it ended "
            "with, as a Singer stream; below s3:// or gs:// each adds an object. {target}, {date} "
            "and {run_id} are filled in.",
        ),
        th.Property(
            "spool_path",
            th.StringType(min_length=1),
            default=".spool/{target}",
            title="Spool",
            description="The folder for what goes to s3:// or gs:// until it is uploaded, and for "
            "what could not be, which the next run uploads first. {target} is filled in.",
        ),
        th.Property(
            "metrics_path",
            th.StringType(min_length=1),
            title="Metrics file",
            description="The textfile for Prometheus, written each minute and at the end. Its name "
            "without .prom is the label pipeline. {target} is filled in.",
        ),
    ]


_REMOVALS = {
    EVENT: "an event is sent (event)",
    NULL_TRAITS: "the traits that were sent are set to null (null_traits)",
    DELETE: "it is deleted (delete)",
}


def _removals_text(removals: Sequence[str]) -> str:
    return ", ".join(["nothing (ignore)", *(_REMOVALS[each] for each in removals)])


_TYPES = {
    "string": "a text",
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

    Those of a feature that the target does not offer are None.
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
        """Whether it is told who is gone."""
        return self.on_removed not in {None, IGNORE}

    @classmethod
    def of(cls, config: Mapping[str, Any], schema: Mapping[str, Any]) -> DeliverySettings:
        """Read them from a validated configuration with its defaults filled in.

        Args:
            config: All settings.
            schema: JSON schema of all settings; what it does not declare has no effect.
        """
        declared = schema["properties"]
        # singer-sdk reads a configuration's fractions as Decimal, which no clock adds up with.
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
        A sentence for each wrong setting, without its value: it may be a key.
    """
    found = [*iter_setting_errors(schema, config)]
    sentences = [sentence for error in found for sentence in _sentences(error, env_prefix)]
    # jsonschema has an error for each missing setting, of which each names all that are missing.
    return [*dict.fromkeys(sentences)] or [*pointless(config.get("streams") or {})]


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
    """Return what is wrong inside of a value that follows none of several schemas."""
    depth = len(error.absolute_path)
    return next((each for each in error.context if len(each.absolute_path) > depth), None)


def _rule(validator: str, wanted: Any, instance: object) -> str:  # noqa: ANN401, JSON
    """Return what a keyword of JSON Schema requires of a value."""
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
    """Name types of JSON Schema, any of which a value may have besides null."""
    names = [name for each in types for name in ([each] if isinstance(each, str) else each)]
    return " or ".join(_TYPES[name] for name in names if name != "null") or "null"
