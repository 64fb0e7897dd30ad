"""Each way in which a run of tap-moesif fails, or complains and goes on, made to happen."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from account import HOUR, Account, settings
from catalogs import all_selected
from commands import Ended, call, run, started
from scripted import Reply, Request
from tap_moesif import TapMoesif

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Case = Callable[[Path], Ended]
    Spoil = Callable[[Request, dict[str, Any]], Any]

IN_NO_TIME = """
import time
import tap_moesif.service.client as c
sleep, time.sleep = time.sleep, lambda seconds: None
init = c.Moesif.__init__
init.__defaults__ = tuple(time.sleep if each is sleep else each for each in init.__defaults__)
"""
"""Code that leaves out what a user would wait for."""

LESS_PATIENT = f"{IN_NO_TIME}c.TIMEOUT_SECONDS = c.MAX_SECONDS_UNANSWERED = 0.1"

NO_SORT_BY_ID = {
    "error": {
        "type": "illegal_argument_exception",
        "reason": "Fielddata access on the _id field is disallowed",
    }
}


@contextmanager
def account() -> Iterator[Account]:
    with Account() as moesif:
        for id_ in ("u1", "u2", "u3"):
            moesif.user(id_, modified_time=HOUR, last_seen_time=HOUR)
        yield moesif


def sync(folder: Path, config: dict[str, Any], state: Any = None, code: str = IN_NO_TIME) -> Ended:
    arguments = []
    if state is not None:
        text = state if isinstance(state, str) else json.dumps(state)
        (folder / "state.json").write_text(text)
        arguments = ["--state", "state.json"]
    return run("tap-moesif", folder, config, *arguments, before=code)


def with_settings(folder: Path, **config: Any) -> Ended:
    return sync(folder, {"management_api_key": "k", **config})


def with_state(state: Any, folder: Path) -> Ended:
    with account() as moesif:
        return sync(folder, settings(moesif), state)


def bookmarked(time: str) -> dict[str, Any]:
    users = {"replication_key": "modifiedTime", "replication_key_value": time}
    return {"bookmarks": {"users": users}}


def no_config(folder: Path) -> Ended:
    return call("tap-moesif", "--config", "nowhere.json", cwd=folder)


def answered(spoil: Spoil, folder: Path, state: Any = None, **config: Any) -> Ended:
    """Run against an account whose answers are not what they should be."""
    with account() as moesif:
        moesif.spoil = spoil
        return sync(folder, settings(moesif, **config), state)


def with_an_endless_answer(folder: Path) -> Ended:
    with account() as moesif:
        small = "import tap_moesif.service.connection as c; c.MAX_ANSWER_BYTES = 9\n"
        return sync(folder, settings(moesif, page_size=1), code=IN_NO_TIME + small)


def with_a_wrong_key(folder: Path) -> Ended:
    with account() as moesif:
        moesif.replies["/~/cohorts"] = Reply(401)
        moesif.spoil = always(401)
        return sync(folder, settings(moesif))


def planned(spoil: Spoil, folder: Path, **config: Any) -> Ended:
    """Have windows planned against such an account."""
    with account() as moesif:
        moesif.spoil = spoil
        return run("tap-moesif", folder, settings(moesif, **config), "--windows=2")


def always(*reply: Any) -> Spoil:
    return lambda *_: Reply(*reply)


def once(*reply: Any) -> Spoil:
    """Spoil the first answer only."""
    replies = [Reply(*reply)]
    return lambda _, answer: replies.pop() if replies else answer


def of_usage(*reply: Any) -> Spoil:
    return lambda request, answer: Reply(*reply) if "/events" in request.path else answer


def hits(**hits: Any) -> Spoil:
    """Spoil the part of an answer that holds its hits."""
    return lambda _, answer: {**answer, "hits": {**answer["hits"], **hits}}


def as_it_is(_: Request, answer: dict[str, Any]) -> dict[str, Any]:
    """Spoil nothing."""
    return answer


def leading_nowhere(_: Request, answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out of the hits where the next page begins."""
    bare = [{"_id": hit["_id"], "_source": hit["_source"]} for hit in answer["hits"]["hits"]]
    return {"hits": {"total": len(bare), "hits": bare}}


def no_total_and_one_page(request: Request, answer: dict[str, Any]) -> dict[str, Any]:
    """Give nothing behind the first page, although there is more."""
    if "search_after" in request.json:
        return {"hits": {"total": 3, "hits": []}}
    return answer


def the_first_page_again() -> Spoil:
    first: dict[str, Any] = {}

    def spoil(request: Request, answer: dict[str, Any]) -> Any:
        return first.setdefault(request.path, answer)

    return spoil


def times_as_text(request: Request, _answer: dict[str, Any]) -> Any:
    """Find nothing, and refuse to sort by times."""
    sort = [name for criterion in request.json["sort"] for name in criterion]
    return Reply(400, {}) if "modified_time" in sort else {"hits": {"total": 0, "hits": []}}


def nobody(request: Request, _: dict[str, Any]) -> dict[str, Any]:
    """Find one document, which has no id."""
    found = [] if "search_after" in request.json else [{"_source": {}, "sort": ["a"]}]
    return {"hits": {"total": 1, "hits": found}}


def of_another_type(folder: Path) -> Ended:
    with account() as moesif:
        moesif.user("u4", modified_time=HOUR, name=["n"])
        return sync(folder, settings(moesif))


def unreachable(folder: Path) -> Ended:
    return with_settings(folder, api_url="http://127.0.0.1:1")


def without_tls(folder: Path) -> Ended:
    with account() as moesif:
        return with_settings(folder, api_url=moesif.url.replace("http:", "https:"))


def without_answer(folder: Path) -> Ended:
    with account() as moesif:
        moesif.spoil = always(200, {}, {}, False, threading.Event())
        return sync(folder, settings(moesif), code=LESS_PATIENT)


def with_nobody_reading(folder: Path) -> Ended:
    with account() as moesif:
        (folder / "config.json").write_text(json.dumps(settings(moesif)))
        with started("tap-moesif", "--config", "config.json", cwd=folder) as process:
            assert process.stdout is not None
            process.stdout.close()
            process.stdout = None
            _, stderr = process.communicate(timeout=60)
    return Ended(process.returncode, "", stderr.decode())


def with_output_to(output: str, folder: Path) -> Ended:
    with account() as moesif:
        return sync(folder, settings(moesif), code=f"import sys; sys.stdout = {output}\n")


def with_nothing_selected(folder: Path) -> Ended:
    with account() as moesif:
        catalog = all_selected(json.dumps(TapMoesif(config=settings(moesif)).catalog_dict), ())
        (folder / "catalog.json").write_text(catalog)
        return run("tap-moesif", folder, settings(moesif), "--catalog", "catalog.json")


def stopped(signum: int, folder: Path) -> Ended:
    with account() as moesif:
        (folder / "config.json").write_text(json.dumps(settings(moesif)))
        with started(
            "tap-moesif", "--config", "config.json", cwd=folder, stdin=subprocess.DEVNULL
        ) as process:
            moesif.meanwhile = lambda _: process.send_signal(signum)
            stdout, stderr = process.communicate(timeout=60)
    return Ended(process.returncode, stdout.decode(), stderr.decode())


def resumed(folder: Path) -> Ended:
    """Go on behind the page at which a run broke off."""
    with account() as moesif:
        moesif.spoil = lambda request, answer: (
            Reply(404) if "search_after" in request.json else answer
        )
        broken = sync(folder, settings(moesif, page_size=1))
        assert broken.code == 1
        moesif.spoil = lambda _, answer: answer
        [*_, state] = [m["value"] for m in broken.messages if m["type"] == "STATE"]
        return sync(folder, settings(moesif, page_size=1), state)


SHARDS = {"_shards": {"failed": 1}}
SLOW = {"timed_out": True}
CASES: dict[str, Case] = {
    "a stream map that is no expression": partial(
        with_settings, stream_maps={"users": {"a": "1 +"}}
    ),
    "a wrong trait of usage": partial(with_settings, usage_traits={"mine": {"window": "1y"}}),
    "a key that may not read traits of usage": partial(
        answered, of_usage(403), usage_traits={"mine": {"window": "1d", "count": "count"}}
    ),
    "traits of usage not understood": partial(
        answered, of_usage(400), usage_traits={"mine": {"window": "1d", "count": "count"}}
    ),
    "no key": lambda folder: sync(folder, {}),
    "a setting of the wrong type": partial(with_settings, page_size="many"),
    "a key with a blank": lambda folder: sync(folder, {"management_api_key": "a b"}),
    "no date": partial(with_settings, start_date="soon"),
    "no time in between": partial(with_settings, start_date="2026-01-02", end_date="2026-01-01"),
    "no address": partial(with_settings, api_url="https://a b"),
    "plain http": partial(with_settings, api_url="http://there.invalid"),
    "no config": no_config,
    "a state of something else": partial(with_state, {"bookmarks": []}),
    "a whole STATE line": partial(with_state, {"type": "STATE", "value": {"bookmarks": {}}}),
    "a state that is no JSON": partial(with_state, "{"),
    "an unknown state": partial(with_state, {"bookmarks": {"users": {"page": 1}}}),
    "a bookmark that is no time": partial(with_state, bookmarked("soon")),
    "a bookmark before all time": partial(with_state, bookmarked("0001-01-01T00:00:00Z")),
    "a bookmark in the future": partial(with_state, bookmarked("2999-01-01T00:00:00Z")),
    "a wrong key": with_a_wrong_key,
    "a key that lacks scopes": partial(answered, always(401)),
    "a key that may not read usage": partial(answered, of_usage(403), usage_rollup=True),
    "not understood": partial(answered, always(400)),
    "no sort by id": partial(answered, always(400, NO_SORT_BY_ID)),
    "an answer without end": with_an_endless_answer,
    "usage not understood": partial(answered, of_usage(400), usage_rollup=True),
    "no such path": partial(answered, always(404)),
    "too large": partial(answered, always(413), page_size=1),
    "elsewhere": partial(answered, always(302)),
    "down": partial(answered, always(503)),
    "a long wait": partial(answered, always(429, {}, {"Retry-After": "7200"})),
    "always too many queries": partial(answered, always(429, {}, {"Retry-After": "1200"})),
    "unreachable": unreachable,
    "no TLS": without_tls,
    "no answer": without_answer,
    "half an answer": partial(
        answered, always(200, b"{", {"Content-Length": "9", "Connection": "close"})
    ),
    "somebody else's page": partial(answered, always(200, b"<html>")),
    "no list of hits": partial(answered, hits(hits={})),
    "out of time": partial(answered, lambda _, answer: {**answer, **SLOW}),
    "a failed shard": partial(answered, lambda _, answer: {**answer, **SHARDS}),
    "a page again": partial(answered, the_first_page_again(), page_size=1),
    "an empty page": partial(answered, no_total_and_one_page, page_size=1),
    "a page that leads nowhere": partial(answered, leading_nowhere),
    "usage of another shape": partial(
        answered, of_usage(200, {"hits": {"hits": []}}), usage_rollup=True
    ),
    "windows in the future": partial(planned, as_it_is, start_date="2999-01-01"),
    "windows for a wrong key": partial(planned, always(403)),
    "windows that are not understood": partial(planned, always(400)),
    "users that are not counted": partial(planned, lambda *_: {"hits": {"hits": []}}),
    "times as text": partial(answered, times_as_text, state=bookmarked("2026-03-01T00:00:00Z")),
    "nobody reads": with_nobody_reading,
    "a full disk": partial(with_output_to, "open('/dev/full', 'w')"),
    "no output": partial(with_output_to, "None"),
    "nothing selected": with_nothing_selected,
    "SIGTERM": partial(stopped, signal.SIGTERM),
    "SIGINT": partial(stopped, signal.SIGINT),
    # What is only complained of.
    "down for a moment": partial(answered, once(503)),
    "too large at first": partial(answered, once(413)),
    "no id": partial(answered, nobody),
    "a name that is a list": of_another_type,
    "one query a minute": partial(answered, as_it_is, requests_per_minute=1),
    "resumed": resumed,
}
