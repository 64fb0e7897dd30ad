"""Moesif's answers: read, and believed or not; pure."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tap_moesif.errors import FailedError

Answer = dict[str, Any]
Hit = dict[str, Any]


def read_search(content: bytes, path: str) -> Answer:
    """Read a search's answer, whose `hits.hits` is a list.

    Raises:
        FailedError: It is none, or says itself that it is incomplete.
    """
    answer: Answer = read_json(content, path)
    try:
        hits = answer["hits"]["hits"]
    except (LookupError, TypeError) as error:
        raise not_moesifs(path) from error
    if not isinstance(hits, list) or not all(isinstance(hit, dict) for hit in hits):
        raise FailedError(f"The answer to {path} holds no list of hits.")
    if answer.get("timed_out"):
        raise FailedError(f"Moesif ran out of time over {path}; its page is incomplete.")
    shards = answer.get("_shards")
    if isinstance(shards, dict) and shards.get("failed"):
        raise FailedError(f"A part of Moesif's index failed over {path}; its page is incomplete.")
    return answer


def total_of(answer: Answer) -> tuple[int, bool]:
    """Give how many documents a search found, and whether that is known and no minimum."""
    total = answer["hits"].get("total")
    exact = True
    if isinstance(total, dict):
        exact = total.get("relation", "eq") == "eq"
        total = total.get("value")
    if not isinstance(total, int) or total < 0:  # older engines write -1 for "not counted"
        return 0, False
    return total, exact


def read_json(content: bytes, path: str) -> Any:  # noqa: ANN401, JSON is what it is
    """Read JSON; half a character, as a text cut short can end in, becomes U+FFFD.

    Raises:
        FailedError: It is none.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return _with_whole_characters(json.loads(content))
    except ValueError as error:
        raise not_moesifs(path) from error


def read_list(content: bytes, path: str, name: str) -> list[Any]:
    """Read an answer that is a list: bare, under its name, in a document, or as a search's hits.

    Raises:
        FailedError: It is none of these.
    """
    answer = read_json(content, path)
    if isinstance(answer, dict):
        document = answer.get("_source", answer)
        if isinstance(document, dict):
            found = document.get("hits")
            answer = found.get("hits") if isinstance(found, dict) else document.get(name, [])
    if not isinstance(answer, list):
        raise not_moesifs(path)
    return answer


def not_moesifs(path: str) -> FailedError:
    """Say that an answer is not what Moesif gives."""
    return FailedError(
        f"The answer to {path} is not the JSON that Moesif gives. Does api_url lead to Moesif's "
        "API, and not to a proxy's page?"
    )


def _with_whole_characters(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_with_whole_characters(inner) for inner in value]
    if isinstance(value, dict):
        return {
            _with_whole_characters(name): _with_whole_characters(inner)
            for name, inner in value.items()
        }
    return value
