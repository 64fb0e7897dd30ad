"""Opens the store that `fingerprints_path` names: a file or a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_delivery.files import filled_in
from singer_delivery.fingerprints.file import FingerprintFile
from singer_delivery.fingerprints.lease import lease_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from singer_delivery.fingerprints.database import FingerprintDatabase
    from singer_delivery.fingerprints.entries import FingerprintStore

POSTGRES = ("postgresql://", "postgres://")


def is_database(path: str) -> bool:
    """Return whether `fingerprints_path` names a database."""
    return path.startswith(POSTGRES)


def store_errors(config: Mapping[str, Any], target: str) -> Iterator[str]:
    """Check the settings of the store of fingerprints.

    Args:
        config: The settings of a target.
        target: The name of its package.

    Yields:
        A sentence for each wrong setting.
    """
    if not config.get("changed_only"):
        if config.get("on_removed", "ignore") != "ignore":
            yield (
                "Setting on_removed: removals are detected by the store of changed_only. Set "
                "changed_only: true, or on_removed: ignore."
            )
        return
    if not is_database(config.get("fingerprints_path", "")):
        if config.get("fingerprints_lease"):
            yield (
                "Setting fingerprints_lease: runs can share a lease only if fingerprints_path "
                "names a PostgreSQL database."
            )
        return
    try:
        import psycopg  # noqa: F401, PLC0415, an extra
    except ImportError:
        yield (
            "Setting fingerprints_path: the driver for PostgreSQL is not "
            f"installed. Install {target}[postgres]."
        )


def fingerprint_store(
    path: str,
    target: str,
    secrets: Sequence[str],
    *,
    shared: str | None = None,
    writable: bool,
    wait: Callable[[float], None],
) -> FingerprintStore:
    """Return the store of a run, not opened yet.

    Args:
        path: The setting `fingerprints_path`.
        target: The name of the target.
        secrets: The values of its secret settings.
        shared: The setting `fingerprints_lease`; a file has no lease to share.
        writable: Whether the store is written.
        wait: Waits for seconds; raises where a signal ends the run.
    """
    if is_database(path):
        return fingerprint_database(
            path, target, secrets, shared=shared, writable=writable, wait=wait
        )
    return FingerprintFile(filled_in(path, target=target), writable=writable)


def fingerprint_database(
    uri: str,
    target: str,
    secrets: Sequence[str],
    *,
    shared: str | None = None,
    writable: bool = True,
    wait: Callable[[float], None],
) -> FingerprintDatabase:
    """Return the database of a run, not connected yet; see `fingerprint_store`."""
    from singer_delivery.fingerprints import database as module  # noqa: PLC0415, an extra

    lease = lease_name(target, secrets)
    return module.FingerprintDatabase(uri, lease=lease, shared=shared, writable=writable, wait=wait)
