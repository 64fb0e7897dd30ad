"""A key that may not read every stream."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from account import Account, settings
from catalogs import all_selected
from scripted import Reply
from tap_moesif import TapMoesif
from tap_moesif.errors import MoesifError
from tap_output import Output, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scripted import Request


@pytest.fixture
def moesif(account: Account) -> Account:
    for number in range(3):
        account.user(f"u{number}")
    account.company("c1")
    account.lists["/~/cohorts"] = [{"_id": "co1"}]
    return account


def refuse(account: Account, *paths: str) -> None:
    """Have the key lack what some paths need."""

    def spoil(request: Request, answer: Any) -> Any:
        refused = any(path in request.path for path in paths)
        return Reply(401, {"for": "zoe@example.com"}) if refused else answer

    account.spoil = spoil
    for path in paths:
        account.replies[path] = Reply(401)


def run(
    account: Account, start: Callable[[TapMoesif], None] = TapMoesif.sync_all, **config: Any
) -> tuple[Output, str]:
    """Run a sync that ends with an error; give what it wrote and the error's sentence."""
    writer = Recorder()
    tap = TapMoesif(config=settings(account, **config), message_writer=writer)
    with pytest.raises(MoesifError) as raised:
        start(tap)
    tap.moesif.close()
    return Output(writer.messages), str(raised.value)


@pytest.mark.parametrize(
    ("refused", "left_out", "scope"),
    [
        ("/~/cohorts", ["cohorts"], "read:cohorts"),
        ("/search/users", ["users"], "read:users"),
        ("/search/companies", ["companies", "subscriptions"], "read:companies"),
    ],
)
def test_a_stream_that_may_not_be_read_takes_no_other_down(
    moesif: Account, caplog: pytest.LogCaptureFixture, refused: str, left_out: list[str], scope: str
) -> None:
    refuse(moesif, refused)

    output, sentence = run(moesif)

    for stream in ("cohorts", "companies", "users"):
        assert bool(output.records(stream)) is (stream not in left_out)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == len(left_out)
    for stream, warning in zip(left_out, warnings, strict=True):
        assert warning.startswith(f"Skipping stream '{stream}'. ")
        assert f"lacks the scope {scope}, which the stream '{stream}' needs" in warning
        assert warning.removeprefix(f"Skipping stream '{stream}'. ") in sentence
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_the_others_state_moves_on(moesif: Account) -> None:
    refuse(moesif, "/~/cohorts")

    output, _ = run(moesif)

    assert output.state["bookmarks"]["users"]["unfinished"] == []
    assert not output.state["bookmarks"]["cohorts"]


def test_usage_that_may_not_be_read_leaves_out_those_it_belongs_to(moesif: Account) -> None:
    refuse(moesif, "/search/events")

    output, sentence = run(moesif, usage_rollup=True)

    assert output.records("cohorts")
    assert not output.records("users")
    assert "lacks the scope read:events" in sentence
    assert "set usage_rollup: false" in sentence


def test_a_key_that_is_refused_everywhere_is_probably_wrong(moesif: Account) -> None:
    refuse(moesif, "/", "/~/cohorts")

    output, sentence = run(moesif)

    assert "for every selected stream: management_api_key is wrong or expired" in sentence
    assert not [m for m in output.messages if m["type"] == "RECORD"]


def test_a_test_tries_every_selected_stream(
    moesif: Account, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(moesif, "/~/cohorts", "/search/companies")

    output, sentence = run(moesif, TapMoesif.try_streams)

    assert [m["stream"] for m in output.messages if m["type"] == "RECORD"] == ["users"]
    assert "read:cohorts" in sentence
    assert "read:companies" in sentence
    assert "unhandled" not in caplog.text


def test_batch_files_leave_it_out_too(moesif: Account, tmp_path: Path) -> None:
    refuse(moesif, "/~/cohorts")
    batches = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": tmp_path.as_uri()},
    }

    output, sentence = run(moesif, batch_config=batches)

    assert "read:cohorts" in sentence
    assert {m["stream"] for m in output.messages if m["type"] == "BATCH"} >= {"companies", "users"}


@pytest.mark.parametrize("start", [TapMoesif.sync_all, TapMoesif.try_streams])
def test_a_selection_of_nothing_is_an_error(
    account: Account, start: Callable[[TapMoesif], None]
) -> None:
    catalog = json.loads(
        all_selected(json.dumps(TapMoesif(config=settings(account)).catalog_dict), ())
    )

    with pytest.raises(MoesifError, match="No stream is selected"):
        start(TapMoesif(config=settings(account), catalog=catalog))
