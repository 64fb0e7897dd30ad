"""The settings of the features that a target may offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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

_REMOVALS = {
    EVENT: "send an event (event)",
    NULL_TRAITS: "set the traits that were sent to null (null_traits)",
    DELETE: "delete it (delete)",
}


def settings_without(features: Collection[Feature]) -> set[str]:
    """Return the names of the settings that a target with these features does not have."""
    return {name for feature in _SETTINGS_OF.keys() - {*features} for name in _SETTINGS_OF[feature]}


def feature_settings(removals: Sequence[str]) -> list[th.Property[Any]]:
    """Declare the settings of all features except `compression`.

    Args:
        removals: The values of `on_removed` besides `ignore`.
    """
    return [
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
    ]


def _removals_text(removals: Sequence[str]) -> str:
    return ", ".join(["nothing (ignore)", *(_REMOVALS[each] for each in removals)])
