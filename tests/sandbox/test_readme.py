from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moesif_sandbox.app import main

if TYPE_CHECKING:
    from tests.sandbox.conftest import Sandbox

README = Path(__file__).parents[2].joinpath("sandbox", "README.md").read_text(encoding="utf-8")
CALL = re.compile(r"^\$ curl -s (-X DELETE )?localhost:8700(\S+)(?: -d '(.+)')?$", re.MULTILINE)
CALLS = CALL.findall(README)


def test_the_readme_has_calls_to_try() -> None:
    assert len(CALLS) == README.count("$ curl") == 8


@pytest.mark.parametrize(("delete", "path", "body"), CALLS)
def test_each_call_of_the_readme_works(sandbox: Sandbox, delete: str, path: str, body: str) -> None:
    method = "DELETE" if delete else "POST" if body else "GET"
    url = sandbox.url + path
    answer = sandbox.session.request(method, url, data=body or None, timeout=10)
    assert answer.status_code == 200, answer.text


def test_every_switch_of_the_readme_exists() -> None:
    options = {option for parameter in main.params for option in parameter.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - {"--help"}
    assert len(named) > 20
    assert named <= options


def test_the_readme_names_every_endpoint_of_the_sandbox(sandbox: Sandbox) -> None:
    for path in re.findall(r"`GET (/sandbox/\w+)`", README):
        assert sandbox.get(path).status_code == 200
