"""Whatever goes wrong, no key, no payload and no user's id is in what a target says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from commands import run
from scripted import Reply, Request, ScriptedService
from targets import BOTH_TARGETS, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "key-CANARY-1"
USER = "user-CANARY-2"
VALUE = "value-CANARY-3"
ADDRESS = "path-CANARY-4"

SCHEMA = {
    "type": "SCHEMA",
    "stream": "people",
    "schema": {
        "properties": {"userId": {"type": "string"}, "traits": {"type": "object"}, "timestamp": {}}
    },
    "key_properties": [],
}


def person(**fields: Any) -> dict[str, Any]:
    record = {"userId": USER, "traits": {VALUE: VALUE}, **fields}
    return {"type": "RECORD", "stream": "people", "record": record}


def echo(status: int, **headers: str) -> Callable[[Request], Reply]:
    """Say everything back: the service's answer is not to be trusted either."""

    def answer(request: Request) -> Reply:
        said = {"you": request.body.decode(), "head": request.headers, "path": request.path}
        return Reply(status, said, headers)

    return answer


SERVICES: dict[str, Callable[[Request], Reply]] = {
    "success": lambda _: Reply(body={"success": True}),
    "a success that is none": echo(200),
    "refused": echo(400),
    "too large": echo(413),
    "bad key": echo(401),
    "unknown": echo(404),
    "moved": echo(302, Location=f"https://example.invalid/{KEY}"),
    "rate limited": echo(429, **{"Retry-After": "9999"}),
    "down": echo(503),
    "nothing": lambda _: Reply(closed=True),
    "broken": lambda _: Reply(body=b"x", headers={"Content-Length": "99", "X": KEY}),
}
INPUTS: dict[str, list[Any]] = {
    "good": [person()],
    "no id": [person(userId="")],
    "not a time": [person(timestamp=VALUE)],
    "too large": [person(traits={VALUE: VALUE * 30_000})],
    "not strict JSON": [json.dumps(person(traits={VALUE: 0})).replace("0}", "NaN}")],
    "not JSON": [f"{USER} {VALUE} {KEY}"],
    "no message": [{"type": VALUE, "record": {"userId": USER}}],
    "no schema": [{"type": "RECORD", "stream": VALUE, "record": {"userId": USER}}],
    "against the schema": [person(traits=VALUE)],
    "a number that nothing can hold": [json.dumps(person(userId=0)).replace(": 0", ": 1e999")],
}


def config(target: Target, service: ScriptedService, **settings: Any) -> dict[str, Any]:
    routes = {"people": {"as": "segment.calls"}}
    address = f"{service.url}/{ADDRESS}"
    return {target.key: KEY, target.address: address, "streams": routes, **settings}


def quiet(target: Target, folder: Path, lines: list[Any], settings: dict[str, Any]) -> None:
    ended = run(target.name, folder, settings, lines=[SCHEMA, *lines], env={"LOGLEVEL": "DEBUG"})
    said = ended.stdout + ended.stderr
    assert "DEBUG" in said
    assert "Traceback" not in said
    for canary in (KEY, USER, VALUE, ADDRESS):
        assert canary not in said, canary


@pytest.mark.promise(11)
@BOTH_TARGETS
@pytest.mark.parametrize("answers", SERVICES.values(), ids=SERVICES)
def test_nothing_is_told_whatever_the_service_says(
    tmp_path: Path, target: Target, answers: Callable[[Request], Reply]
) -> None:
    limits = {"retry_max_seconds": 0, "request_timeout_seconds": 0.5}
    with ScriptedService(answers) as service:
        settings = config(target, service, summary_path="s.json", **limits)
        quiet(target, tmp_path, INPUTS["good"], settings)
    assert "CANARY" not in (tmp_path / "s.json").read_text()


@pytest.mark.promise(11)
@BOTH_TARGETS
@pytest.mark.parametrize("lines", INPUTS.values(), ids=INPUTS)
def test_nothing_is_told_whatever_the_tap_says(
    tmp_path: Path, target: Target, lines: list[Any]
) -> None:
    with ScriptedService(SERVICES["success"]) as service:
        settings = config(target, service, summary_path="s.json", validate_records=True)
        quiet(target, tmp_path, lines, settings)
    assert "CANARY" not in (tmp_path / "s.json").read_text()


@pytest.mark.promise(11)
@BOTH_TARGETS
def test_the_key_is_in_no_rejects_file(tmp_path: Path, target: Target) -> None:
    with ScriptedService(echo(400)) as service:
        run(target.name, tmp_path, config(target, service), lines=[SCHEMA, person()])
    [path] = (tmp_path / "rejects").iterdir()
    assert VALUE in path.read_text(), "the record is kept"
    assert KEY not in path.read_text()
