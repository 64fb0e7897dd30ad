"""`--check`, `--send-only` and `--first-contact` of target-segment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from commands import run
from scripted import Reply, Request, ScriptedService
from segment_runs import KEY, record, schema, sent, state
from singer_delivery.options import Options
from target_segment import TargetSegment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres import Database

pytestmark = pytest.mark.slow

USERS = schema("users", "id", "email", mark="users")
IN_THE_US: dict[str, Any] = {"integrations": {"Segment.io": {"apiKey": "x"}}}
IN_THE_EU = {"integrations": {"Segment.io": {"apiHost": "events.eu1.segmentapis.com/v1"}}}


class Segment:
    """The API and the CDN, with what they answer."""

    def __init__(self) -> None:
        self.settings = Reply(200, IN_THE_US)
        self.batch = Reply(200, {"success": True})

    def __call__(self, request: Request) -> Reply:
        if "/projects/" in request.path:
            return self.settings
        return self.batch if request.method == "POST" else Reply(404, b"")


@pytest.fixture
def segment() -> Segment:
    return Segment()


@pytest.fixture
def service(segment: Segment) -> Iterator[ScriptedService]:
    with ScriptedService(segment) as service:
        yield service


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(service: ScriptedService, **settings: Any) -> dict[str, Any]:
    return {"write_key": KEY, "host": service.url, "cdn_url": service.url, **settings}


def told(
    service: ScriptedService,
    capsys: pytest.CaptureFixture[str],
    options: Options,
    **settings: Any,
) -> tuple[int, str]:
    given = config(service, **settings)
    code = TargetSegment.main(given, parse_env=False, file_input=None, options=options)
    out = capsys.readouterr().out
    assert KEY not in out
    return code, out


# --check


@pytest.mark.parametrize(
    ("settings", "region", "sign", "text"),
    [
        (Reply(200, IN_THE_US), "us", "✓", "belongs to the configured region"),
        (Reply(200, IN_THE_EU), "eu", "✓", "belongs to the configured region"),
        (Reply(200, IN_THE_EU), "us", "✗", "Set region: eu"),
        (Reply(200, IN_THE_US), "eu", "✗", "Set region: us"),
        (Reply(404, b""), "us", "✗", "Segment has no source with this write_key"),
        (Reply(500, b""), "us", "!", "could not be verified: HTTP 500"),
        (Reply(200, b"<html>"), "us", "!", "could not be verified"),
        (Reply(closed=True), "us", "!", "could not be verified"),
    ],
)
def test_the_key_and_its_region_are_checked(
    service: ScriptedService,
    segment: Segment,
    capsys: pytest.CaptureFixture[str],
    settings: Reply,
    region: str,
    sign: str,
    text: str,
) -> None:
    segment.settings = settings
    code, out = told(service, capsys, Options(check=True), region=region)
    [line] = [line for line in out.splitlines() if "write_key " in line[:14]]
    assert line.startswith(f"{sign} write_key")
    assert text in line
    assert code == (1 if sign == "✗" else 0)
    assert not any(request.method == "POST" for request in service.requests)


def test_a_key_that_nobody_can_be_asked_about_is_a_warning(
    service: ScriptedService, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = told(service, capsys, Options(check=True), cdn_url=None)
    assert code == 0
    assert "! write_key" in out


def test_the_streams_of_a_catalog_are_checked_for_routes(
    service: ScriptedService, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
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
        code, out = told(service, capsys, Options(check=True, catalog=file), streams=routes)
    rows = {line.split("  ")[0]: line for line in out.splitlines()}
    assert code == 1
    assert "Sent as identify." in rows["✓ stream users"]
    assert "Left out: each user's call contains the company" in rows["✓ stream companies"]
    assert "Sent as identify." in rows["✓ stream contacts"]
    assert "deals" in rows["✗ stream deals"]


@pytest.mark.fresh_process
def test_the_command_has_the_options(service: ScriptedService, tmp_path: Path) -> None:
    ended = run("target-segment", tmp_path, config(service), "--check")
    assert ended.code == 0, ended.stderr
    assert "✓ write_key" in ended.stdout
    ended = run("target-segment", tmp_path, config(service, region="eu"), "--check")
    assert ended.code == 1, ended.stderr
    lines = [USERS, *(record("users", id=f"u{n}", email="e") for n in range(9)), state(9)]
    ended = run("target-segment", tmp_path, config(service), "--send-only", "2", lines=lines)
    assert (ended.code, ended.stdout) == (0, ""), ended.stderr
    assert {message["userId"] for message in sent_to(service)} == {"u0", "u1"}
    for message in sent_to(service):
        assert message["messageId"] in ended.stderr


def sent_to(service: ScriptedService) -> list[dict[str, Any]]:
    posts = [request for request in service.requests if request.method == "POST"]
    return [message for request in posts for message in request.json["batch"]]


def test_users_are_chosen_by_their_id(service: ScriptedService, tmp_path: Path) -> None:
    route = {"crm": {"call": "identify", "user_id": "email"}}
    crm = schema("crm", "id", "email")
    lines = [crm, *(record("crm", id=n, email=f"e{n}@x.example") for n in range(9))]
    given = {"write_key": KEY, "host": service.url, "streams": route}
    ended = run(
        "target-segment", tmp_path, given, "--send-id", "e4@x.example", "--send-id", "x",
        lines=lines,
    )  # fmt: skip
    assert ended.code == 0, ended.stderr
    [message] = sent(service)
    assert message["userId"] == "e4@x.example"
    assert message["messageId"] in ended.stderr
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
    service: ScriptedService,
    segment: Segment,
    capsys: pytest.CaptureFixture[str],
    reply: Reply,
    text: str,
) -> None:
    segment.batch = reply
    code, out = told(service, capsys, Options(first_contact=True))
    [row] = [line for line in out.splitlines() if "response to an empty batch" in line]
    assert (code, text in row) == (0, True), row
    assert sent_to(service) == []


def test_what_the_cdn_and_the_headers_say_is_told(
    service: ScriptedService, segment: Segment, capsys: pytest.CaptureFixture[str]
) -> None:
    segment.settings = Reply(200, IN_THE_EU)
    segment.batch = Reply(200, {"success": True}, {"X-RateLimit-Reset": "1"})
    _, out = told(service, capsys, Options(first_contact=True))
    assert "| yes, with apiHost; region eu |" in out
    assert "| X-RateLimit-Reset |" in out
    segment.settings = Reply(200, IN_THE_US)
    segment.batch = Reply(200, {"success": True})
    _, out = told(service, capsys, Options(first_contact=True))
    assert "| yes, without apiHost; region us |" in out
    assert "rate limit headers do responses have? | none |" in out
    segment.settings = Reply(404)
    _, out = told(service, capsys, Options(first_contact=True))
    assert "| no: 404 |" in out


def test_one_identify_is_sent_if_that_is_wanted(
    service: ScriptedService, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = told(service, capsys, Options(first_contact=True, send="jane.canary"))
    [message] = sent_to(service)
    assert code == 0
    assert (message["type"], message["userId"], message["traits"]) == (
        "identify",
        "jane.canary",
        {},
    )
    assert f"messageId `{message['messageId']}`" in out
    assert "jane.canary" not in out


def test_a_database_of_fingerprints_is_tried_and_its_password_is_not_told(
    segment: Segment, tmp_path: Path, database: Database
) -> None:
    gone = "postgresql://jane:secret-CANARY@127.0.0.1:1/shared"
    with ScriptedService(segment) as service:
        for uri, code, said in (
            (database.uri, 0, f"postgresql://127.0.0.1:{database.port}/{database.name} can be"),
            (gone, 1, "Cannot use the fingerprints in postgresql://127.0.0.1:1/shared"),
        ):
            config = {"write_key": KEY, "host": service.url, "changed_only": True}
            config["fingerprints_path"] = uri
            for arguments in (["--check"], [])[: 1 + code]:
                ended = run("target-segment", tmp_path, config, *arguments, lines=[USERS])
                assert ended.code == code, ended.stderr
                assert said in ended.stdout + ended.stderr
                assert ended.says_plainly("CANARY")
    assert database.run("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'singer%'") == "0\n"
