"""URLs of buckets in settings, and the check that their clients are installed."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SETTINGS = ("rejects_path", "outcomes_path", "history_path", "summary_path")
"""The settings that may be URLs."""

_FILES_ONLY = ("fingerprints_path", "dry_run_path", "metrics_path", "spool_path")


class _Client(NamedTuple):
    """The package for an object store, and the extra that installs it."""

    package: str
    extra: str


_CLIENTS = {"s3": _Client("s3fs", "s3"), "gs": _Client("gcsfs", "gcs")}


_CLIENT_LOGGERS = ("aiobotocore", "aiohttp", "botocore", "fsspec", "gcsfs", "google", "s3fs")
"""The clients' loggers, whose messages may contain addresses and headers."""


class NoClientError(Exception):
    """The client of an object store is not installed.

    Args:
        extra: The extra that installs it.
    """

    def __init__(self, extra: str) -> None:
        super().__init__(extra)
        self.extra = extra


def is_url(path: str) -> bool:
    """Return whether a path is a URL instead of a file on this machine."""
    return "://" in path


def scheme_of(url: str) -> str:
    """Return the scheme of a URL, which names the kind of object store."""
    return url.partition("://")[0]


def filled_in_url(template: str, **names: str) -> str:
    """Return the URL in a setting, with its `{names}` filled in and without a final slash."""
    for name, value in names.items():
        template = template.replace(f"{{{name}}}", value)
    return template.rstrip("/")


def check_client(url: str) -> None:
    """Import the client of a URL's object store, and silence its loggers.

    Raises:
        NoClientError: It is not installed.
    """
    for name in _CLIENT_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    client = _CLIENTS[scheme_of(url)]
    try:
        import_module(client.package)
    except ImportError:
        raise NoClientError(client.extra) from None


def url_errors(config: Mapping[str, Any], target: str) -> Iterator[str]:
    """Check the settings that are URLs.

    Args:
        config: The settings of a target.
        target: The name of its package.

    Yields:
        A sentence for each wrong one, without its value, which may contain a key.
    """
    for name in SETTINGS:
        url = config.get(name) or ""
        if is_url(url):
            what = _wrong(url, target, is_object=name == "summary_path")
            if what:
                yield f"Setting {name}: {what}"
    for name in _FILES_ONLY:
        path = config.get(name) or ""
        if is_url(path) and not (name == "fingerprints_path" and path.startswith("postgres")):
            yield f"Setting {name}: it must be a file on this machine, not a URL."


def url_error(url: str) -> str | None:
    """Return what is wrong with the URL of a bucket, or None."""
    if scheme_of(url) not in _CLIENTS:
        return "it must be a path, or a URL that begins with s3:// or gs://."
    bucket, *parts = url.partition("://")[2].rstrip("/").split("/")
    if "@" in bucket:
        return "it must not contain credentials. Set them in the environment."
    if any(part in {"", ".", ".."} for part in (bucket, *parts)):
        return "no part of its URL may be empty, '.' or '..'."
    return None


def _wrong(url: str, target: str, *, is_object: bool) -> str | None:
    if what := url_error(url):
        return what
    if is_object and "/" not in url.partition("://")[2].rstrip("/"):
        return "its URL must name an object, such as s3://bucket/summary.json."
    try:
        check_client(url)
    except NoClientError as error:
        return f"the client of that bucket is not installed. Install {target}[{error.extra}]."
    return None
