"""`--check`, `--send-only` and `--first-contact` of target-segment."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from scripted import Reply, Request
from segment_runs import KEY, SUCCESS, Segment, record, schema, state
from singer_delivery.options import Options
from target_segment import TargetSegment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres import Database

pytestmark = pytest.mark.slow

IN_THE_US: dict[str, Any] = {"integrations": {"Segment.io": {"apiKey": "x"}}}
IN_THE_EU = {"integrations": {"Segment.io": {"apiHost": "events.eu1.segmentapis.com/v1"}}}


@pytest.fixture
def segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Segment]:
    """The API and the CDN, which knows the key."""
    monkeypatch.chdir(tmp_path)
    with Segment(tmp_path) as segment:
        segment.settings["cdn_url"] = segment.url
        answers(segment, Reply(200, IN_THE_US))
        yield segment


def answers(segment: Segment, settings: Reply, batch: Reply = SUCCESS) -> None:
    """Let the CDN say something of the key, and the API of a batch."""

    def answer(request: Request) -> Reply:
        if "/projects/" in request.path:
            return settings
        return batch if request.method == "POST" else Reply(404, b"")

    segment.answer = answer


Told = Callable[..., tuple[int, str]]


@pytest.fixture
def told(segment: Segment, capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs the target with some options; gives its exit code and what it prints."""

    def run(options: Options, **settings: Any) -> tuple[int, str]:
        config = {**segment.settings, **settings}
        code = TargetSegment.main(config, parse_env=False, file_input=None, options=options)
        out = capsys.readouterr().out
        assert KEY not in out
        return code, out

    return run


# --check


@pytest.mark.parametrize(
    ("settings", "region", "sign", "text"),
    [
        (Reply(200, IN_THE_US), "us", "✓", "belongs to the configured region"),
        (Reply(200, IN_THE_EU), "eu", "✓", "belongs to the configured region"),
        (Reply(200, IN_THE_EU), "us", "✗", "Set region: eu"),
        (Reply(404, b""), "us", "✗", "Segment has no source with this write_key"),
        (Reply(500, b""), "us", "!", "could not be verified: HTTP 500"),
    ],
)
def test_the_key_and_its_region_are_checked(
    segment: Segment,
    told: Told,
    settings: Reply,
    region: str,
    sign: str,
    text: str,
) -> None:
    answers(segment, settings)
    code, out = told(Options(check=True), region=region)
    [line] = [line for line in out.splitlines() if "write_key " in line[:14]]
    assert line.startswith(f"{sign} write_key")
    assert text in line
    assert code == (1 if sign == "✗" else 0)
    assert not any(request.method == "POST" for request in segment.requests)


def test_a_key_that_nobody_can_be_asked_about_is_a_warning(told: Told) -> None:
    code, out = told(Options(check=True), cdn_url=None)
    assert code == 0
    assert "! write_key" in out


def test_the_streams_of_a_catalog_are_checked_for_routes(told: Told, tmp_path: Path) -> None:
    def stream(name: str, **more: Any) -> dict[str, Any]:
        properties = {each: {"type": ["string", "null"]} for each in ("id", "email", "crm_id")}
        return {
            "tap_stream_id": name,
            "key_properties": ["id"],
            "schema": {"type": "object", "properties": properties, **more},
            "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        }

    mark = "urn:tap-moesif:"
    streams = [
        stream("users", **{"$id": f"{mark}users"}),
        stream("companies", **{"$id": f"{mark}companies"}),
        stream("contacts"),
        stream("deals"),
    ]
    (tmp_path / "catalog.json").write_text(json.dumps({"streams": streams}))
    routes = {"contacts": {"call": "identify", "user_id": "crm_id"}}
    with (tmp_path / "catalog.json").open() as file:
        code, out = told(Options(check=True, catalog=file), streams=routes)
    rows = {line.split("  ")[0]: line for line in out.splitlines()}
    assert code == 1
    assert "Sent as identify." in rows["✓ stream users"]
    assert "Left out: each user's call contains the company" in rows["✓ stream companies"]
    assert "Sent as identify." in rows["✓ stream contacts"]
    assert "deals" in rows["✗ stream deals"]


USERS = [schema("users", "id", "email", mark="users")]
USERS += [record("users", id=f"u{number}", email=f"e{number}@x.example") for number in range(9)]


@pytest.mark.fresh_process
def test_the_command_has_the_options(segment: Segment) -> None:
    ended = segment.command([], "--check")
    assert ended.code == 0, ended.stderr
    assert "✓ write_key" in ended.stdout
    ended = segment.command([*USERS, state(9)], "--send-only", "2")
    assert (ended.code, ended.stdout, segment.users) == (0, "", ["u0", "u1"]), ended.stderr
    for message in segment.messages:
        assert message["messageId"] in ended.stderr


def test_users_are_chosen_by_their_id(segment: Segment) -> None:
    options = ("--send-id", "e4@x.example", "--send-id", "x")
    ended = segment.command(USERS, *options, streams={"users": {"user_id": "email"}})
    assert (ended.code, segment.users) == (0, ["e4@x.example"]), ended.stderr
    assert segment.messages[0]["messageId"] in ended.stderr
    assert "e4@x.example" not in ended.stderr


# --first-contact


ANSWERS = {
    "a success": (Reply(200, {"success": True}), "200, success: true"),
    "a refusal": (
        Reply(400, {"success": False, "code": "empty_batch", "message": f"no {KEY}"}),
        "400, success: false, code: empty_batch, 1 other member",
    ),
    "a text": (Reply(200, b"OK"), "200, not a JSON object"),
    "an empty body": (Reply(204, b""), "204, an empty body"),
    "a code that is a sentence": (Reply(400, {"code": f"Your {KEY}"}), "400"),
    "no answer": (Reply(closed=True), "no response (the connection was closed"),
}


@pytest.mark.parametrize(("reply", "text"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_empty_batch_leads_to_is_told_in_shapes(
    segment: Segment,
    told: Told,
    reply: Reply,
    text: str,
) -> None:
    answers(segment, Reply(200, IN_THE_US), reply)
    code, out = told(Options(first_contact=True))
    [row] = [line for line in out.splitlines() if "response to an empty batch" in line]
    assert (code, text in row) == (0, True), row
    assert segment.messages == []


def test_what_the_cdn_and_the_headers_say_is_told(segment: Segment, told: Told) -> None:
    limited = Reply(200, {"success": True}, {"X-RateLimit-Reset": "1"})
    answers(segment, Reply(200, IN_THE_EU), limited)
    _, out = told(Options(first_contact=True))
    assert "| yes, with apiHost; region eu |" in out
    assert "| X-RateLimit-Reset |" in out
    answers(segment, Reply(200, IN_THE_US))
    _, out = told(Options(first_contact=True))
    assert "| yes, without apiHost; region us |" in out
    assert "rate limit headers do responses have? | none |" in out
    answers(segment, Reply(404))
    _, out = told(Options(first_contact=True))
    assert "| no: 404 |" in out


def test_one_identify_is_sent_if_that_is_wanted(segment: Segment, told: Told) -> None:
    code, out = told(Options(first_contact=True, send="jane.canary"))
    [message] = segment.messages
    assert code == 0
    assert (message["type"], message["userId"], message["traits"]) == (
        "identify",
        "jane.canary",
        {},
    )
    assert f"messageId `{message['messageId']}`" in out
    assert "jane.canary" not in out


def test_a_database_of_fingerprints_is_tried_and_its_password_is_not_told(
    segment: Segment, told: Told, database: Database
) -> None:
    segment.settings["changed_only"] = True
    gone = "postgresql://jane:secret-CANARY@127.0.0.1:1/shared"
    for uri, code, said in (
        (database.uri, 0, f"postgresql://127.0.0.1:{database.port}/{database.name} can be"),
        (gone, 1, "Cannot use the fingerprints in postgresql://127.0.0.1:1/shared"),
    ):
        found, out = told(Options(check=True), fingerprints_path=uri)
        assert (found, said in out, "CANARY" in out) == (code, True, False), out
    assert database.run("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'singer%'") == "0\n"
    ended = segment.deliver(USERS, fingerprints_path=gone)
    assert ended.exit_code == 1
    assert "Cannot use the fingerprints in postgresql://127.0.0.1:1/shared" in ended.log
    assert "secret-CANARY" not in ended.log
