"""Unpacks the bodies of requests, for both services."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RefusedError(Exception):
    """The whole request is refused, and nothing of it is taken.

    Args:
        detail: What is wrong, in a sentence.
        reason: The same as a code, to be counted by.
        status: Of the answer.
    """

    def __init__(self, detail: str, reason: str = "not_readable", status: int = 400) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status


def content(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request's JSON, unpacked.

    Raises:
        RefusedError: it does not say that it is JSON, or can't be unpacked.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(f"the Content-Type must be application/json, but is [{kind}]")
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding == "gzip":
        return decompress(body)
    if encoding != "identity":
        raise RefusedError(f"the Content-Encoding is not understood: [{encoding}]")
    return body


def decompress(body: bytes) -> bytes:
    """Return the content of a gzip body, whatever number of members it has.

    Raises:
        RefusedError: it is broken or cut off.
    """
    unpacked = b""
    while body:
        reader = zlib.decompressobj(wbits=31)
        try:
            unpacked += reader.decompress(body) + reader.flush()
        except zlib.error as error:
            raise RefusedError(f"the body is no gzip: {error}") from error
        if not reader.eof:
            raise RefusedError("the gzip body is cut off")
        body = reader.unused_data
    return unpacked
