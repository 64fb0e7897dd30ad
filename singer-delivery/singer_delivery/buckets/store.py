"""Object stores by fsspec; imported only where a URL is given.

The clients find credentials and addresses themselves: in the usual environment variables (`AWS_…`,
`GOOGLE_APPLICATION_CREDENTIALS`, `STORAGE_EMULATOR_HOST`), their configuration files, and those of
fsspec. Of a service's error only the code is reported: its message may contain a key or a signed
address.
"""

from __future__ import annotations

import errno
import re
import threading
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import fsspec
from fsspec.config import conf

from singer_delivery.buckets.urls import check_client, scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 15,
            "retries": {"mode": "standard", "max_attempts": 3},
        }
    },
    "gs": {},
}
"""Options of the clients, unless fsspec's configuration has one of the same name."""

READ_BYTES = 1 << 22
"""The size of the parts in which an object is read."""

PROBE = ".write-check-"
"""The prefix of the objects that test whether a bucket can be written."""

_CODE = re.compile(r"[A-Za-z0-9]{1,40}")


class Store:
    """An object store, of the kind that a URL names.

    Every method may raise OSError, whose `strerror` is the reason.

    Args:
        url: A URL of the store.
        seconds: The timeout for finding credentials.

    Raises:
        NoClientError: Its client is not installed.
    """

    def __init__(self, url: str, seconds: float) -> None:
        check_client(url)
        self._scheme = scheme_of(url)
        given = conf.get(self._scheme, {})
        options = {k: v for k, v in OPTIONS[self._scheme].items() if k not in given}
        make = partial(
            fsspec.filesystem,
            self._scheme,
            skip_instance_cache=True,
            use_listings_cache=False,
            **options,
        )
        with _plain_errors(seconds):
            self._files = _within(seconds, make)

    def write(self, url: str, content: bytes, seconds: float) -> None:
        """Write an object in one step, with a timeout."""
        with _plain_errors(seconds):
            self._files.pipe_file(_path(url), content, timeout=seconds)

    def check(self, folder: str, seconds: float) -> None:
        """Check that an object can be written below a URL; it is removed if possible."""
        probe = f"{folder}/{PROBE}{uuid4()}"
        self.write(probe, b"singer-delivery checks whether it can write here.\n", seconds)
        with suppress(Exception):  # the role may only create objects
            self._files.rm_file(_path(probe), timeout=seconds)

    def find(self, url: str, seconds: float) -> list[str]:
        """Return the URLs of the objects below a URL, or else of those that begin with it."""
        path = _path(url).rstrip("/")
        folder, _, start = path.rpartition("/")
        with _plain_errors(seconds):
            found = self._files.find(path, timeout=seconds)
            if not found and folder:
                found = self._files.find(folder, prefix=start, timeout=seconds)
        return [f"{self._scheme}://{name}" for name in sorted(found) if PROBE not in name]

    def lines(self, url: str, seconds: float) -> Iterator[bytes]:
        """Iterate over the lines of an object, with a timeout for each part."""
        path, rest = _path(url), b""
        with _plain_errors(seconds):
            size = self._files.info(path, timeout=seconds)["size"]
        for start in range(0, size, READ_BYTES):
            with _plain_errors(seconds):
                end = min(start + READ_BYTES, size)
                part = self._files.cat_file(path, start=start, end=end, timeout=seconds)
            *whole, rest = (rest + part).split(b"\n")
            yield from (line + b"\n" for line in whole)
        if rest:
            yield rest


def _within(seconds: float, call: Callable[[], Any]) -> Any:  # noqa: ANN401, a client without types
    """Call a function that has no timeout of its own.

    Raises:
        TimeoutError: It takes longer; its thread is a daemon.
    """
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001, raised again
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)


def _path(url: str) -> str:
    return url.partition("://")[2]


@contextmanager
def _plain_errors(seconds: float) -> Iterator[None]:
    """Turn every error of a client into an OSError with a short reason."""
    try:
        yield
    except Exception as error:  # noqa: BLE001, each client has errors of its own
        raise OSError(errno.EIO, _reason(error, seconds)) from None


def _reason(error: Exception, seconds: float) -> str:
    name, code = type(error).__name__, _code_of(error)
    said = f" ({code})" if code else ""
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, FileNotFoundError):
        return f"there is no such bucket or object{said}"
    if isinstance(error, PermissionError) or code in {"401", "403"}:
        return f"access is denied{said}"
    if "Credentials" in name or "RefreshError" in name:
        return f"no credentials were found ({name})"
    if "Connect" in name:
        return f"it cannot be reached ({name})"
    return f"the client failed with {name}{said}"


def _code_of(error: Exception) -> str:
    """Return the error code of a service's answer, or an empty text."""
    cause = error.__cause__ or error
    response = getattr(cause, "response", None)
    found = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    if found is None:
        found = getattr(error, "code", None)
    if found is None and str(error).startswith("Forbidden"):  # a message of gcsfs
        found = 403
    return text if _CODE.fullmatch(text := str(found or "")) else ""
