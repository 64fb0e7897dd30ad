"""Each target takes all of its settings from the environment, and from a file as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from commands import call, run
from targets import BOTH_TARGETS, Target

if TYPE_CHECKING:
    from pathlib import Path

ROUTES = {"people": {"call": "identify", "user_id": "id"}}
LINES: list[dict[str, Any]] = [
    {"type": "SCHEMA", "stream": "people", "schema": {"properties": {"id": {}}}},
    {"type": "RECORD", "stream": "people", "record": {"id": 1}},
    {"type": "STATE", "value": 1},
]
SETTINGS = {
    "batch_wait_limit_seconds": "0.5",
    "request_timeout_seconds": "2.5",
    "retry_max_seconds": "0.5",
    "max_requests_per_second": "99.5",
    "lanes": "2",
    "changed_only": "false",
    "dry_run": "",
    "summary_path": "",
    "stream_maps": "",
    "streams": json.dumps(ROUTES),
}


def variables(target: Target, settings: dict[str, Any]) -> dict[str, str]:
    prefix = target.name.upper().replace("-", "_")
    return {f"{prefix}_{name.upper()}": text for name, text in settings.items()}


@BOTH_TARGETS
@pytest.mark.parametrize("way", ["environment", "file"])
def test_numbers_booleans_objects_and_nothing_may_be_written_as_text(
    target: Target, way: str, tmp_path: Path
) -> None:
    with target.service() as service:
        settings = target.config(service.url, **SETTINGS)
        if way == "file":
            ended = run(target.name, tmp_path, settings, lines=LINES)
        else:
            text = "".join(json.dumps(line) + "\n" for line in LINES)
            env = variables(target, settings)
            ended = call(target.name, "--config=ENV", text=text, cwd=tmp_path, env=env)
    assert (ended.code, ended.stdout) == (0, "1\n"), ended.stderr
    assert len(service.requests) == 1


@BOTH_TARGETS
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("retry_max_seconds", "soon", "Setting retry_max_seconds: its value must be a number."),
        ("dry_run", "perhaps", "Setting dry_run: its value must be true or false."),
        ("streams", "people", "Setting streams: its value must be a JSON object."),
    ],
)
def test_a_text_that_is_something_else_is_named_without_a_traceback(
    target: Target, name: str, text: str, said: str, tmp_path: Path
) -> None:
    env = variables(target, target.config("http://127.0.0.1:1", **{**SETTINGS, name: text}))
    ended = call(target.name, "--config=ENV", cwd=tmp_path, env=env)
    assert ended.code == 1
    assert said in ended.stderr
    assert ended.says_plainly()
