"""Checks that files can be written, and leaves none behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

from singer_delivery.checking.findings import Finding, Sign

if TYPE_CHECKING:
    from pathlib import Path

LOW_BYTES = 100_000_000
"""The free space below which a disk is nearly full."""


def file_finding(setting: str, path: Path) -> Finding:
    """Check that a file can be written and locked.

    Args:
        setting: The name of its setting.
        path: The file, which may not exist.
    """
    try:
        folder = _try_to_write(path)
        free = shutil.disk_usage(folder).free
    except BlockingIOError:
        return Finding(Sign.WARNING, setting, f"{path} can be written; another run is using it.")
    except OSError as error:
        return Finding(
            Sign.FAILED,
            setting,
            f"{path} cannot be written ({error.strerror}). Set {setting} to a writable path.",
        )
    if free < LOW_BYTES:
        return Finding(Sign.WARNING, setting, f"{path}: only {free // 10**6} MB are free there.")
    return Finding(Sign.OK, setting, f"{path} can be written.")


def lock_finding(setting: str, path: Path) -> Finding | None:
    """Check that no run has the lock beside a file; None if it is free."""
    try:
        lock = os.open(path.resolve().with_name(f"{path.resolve().name}.lock"), os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        text = f"Another run is using {path}; a run fails until it has ended."
        return Finding(Sign.FAILED, setting, text)
    finally:
        os.close(lock)
    return None


def _try_to_write(path: Path) -> Path:
    """Open and lock a file, or a temporary one in the folder where it would be created.

    Returns:
        The nearest existing folder.

    Raises:
        OSError: It cannot be opened or locked.
    """
    if path.exists():
        file = os.open(path, os.O_RDWR | os.O_APPEND)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return path.parent  # a device or a pipe has no lock
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(file)
        return path.parent
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".check-") as other:
        other.write(b"\0")
        other.flush()
        fcntl.flock(other.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder
