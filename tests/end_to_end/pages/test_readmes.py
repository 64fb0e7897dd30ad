"""What the READMEs say is so, and every command in them runs.

Each document's `sh` blocks are run in their order by a shell, in a copy of this checkout, with the
sandbox in the place of the two services. Only these are not run whole: `make` says what it would
do (`make -n`; that the demo, the tests and the rest work is tested elsewhere), and of a benchmark
the options are looked up in its `--help`. What installs the packages is run by tests of its own.
`yaml` blocks are Meltano projects, which are installed and run together, or settings, which a
connector takes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from singer_sdk.exceptions import ConfigValidationError

from commands import COMMANDS, Sandbox, run
from project import PROJECT, meltano
from scripted import Reply, ScriptedService
from tap_moesif import TapMoesif
from targets import MOESIF, SEGMENT, Target

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("readmes")

READMES = [PROJECT / "README.md", *sorted(PROJECT.glob("[!.]*/README.md"))]
DOCUMENTS = [*READMES, *(PROJECT / name for name in ("CONTRIBUTING.md", "SECURITY.md"))]
LANGUAGES = {
    "sh": "run here",
    "yaml": "run here",
    "python": "run here",
    "py": "a part, whose whole is in the tests of singer-delivery",
    "json": "compared here",
    "json5": "an example of what tests of the tap look at",
    "console": "the sandbox's, run by its own tests",
    "": "pictures",
}
BENCHMARK = re.compile(r"^\.venv/bin/python -m (benchmarks\.\w+)\b([^#\n]*).*\n", re.MULTILINE)
REJECTS = re.compile(r"\brejects/(?:target-\w+)-[\d-]+\.singer\.jsonl\b")
REJECTED: list[dict[str, Any]] = [
    {
        "type": "SCHEMA",
        "stream": "people",
        "schema": {"properties": {"messageId": {}, "type": {}, "userId": {}, "traits": {}}},
        "key_properties": [],
    },
    {
        "type": "RECORD",
        "stream": "people",
        "record": {
            "messageId": "m",
            "type": "identify",
            "userId": "1",
            "traits": {"a": 1},
            "_delivery_reject": {"reason": "corrected"},
        },
    },
]
named = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(PROJECT)))


def blocks(document: Path, language: str) -> list[str]:
    """Give a document's fenced blocks of a language."""
    fenced = rf"^ *```{language}\n(.*?)^ *```$"
    return re.findall(fenced, document.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like this checkout, and where commands may leave what they like."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in {line.split("/")[0] for line in listed.stdout.splitlines()} - {"meltano.yml"}:
        (folder / name).symlink_to(PROJECT / name)
    (folder / "meltano.yml").write_text((PROJECT / "meltano.yml").read_text())
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@named
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        assert link.startswith("https://") or (document.parent / link).exists(), link


@named
def test_every_block_is_of_a_language_that_is_looked_at(document: Path) -> None:
    fences = re.findall(r"^ *```(\w*)$", document.read_text(), re.MULTILINE)
    assert {*fences[::2]} <= LANGUAGES.keys()
    assert {*fences[1::2]} <= {""}
    assert "console" not in fences or document.parent.name == "sandbox"


@pytest.mark.readmes
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "document", [d for d in DOCUMENTS if blocks(d, "sh")], ids=lambda p: str(p.relative_to(PROJECT))
)
def test_every_command_runs(
    checkout: Path, meltano_environment: dict[str, str], document: Path
) -> None:
    """With keys and addresses of the sandbox in the environment, and in `config.json`."""
    where = meltano_environment
    commands = [block for block in blocks(document, "sh") if "pip install" not in block]
    script = BENCHMARK.sub("", "\n".join(commands))
    own = document.parent.name.upper().replace("-", "_") + "_"
    config = {k.removeprefix(own).lower(): v for k, v in where.items() if k.startswith(own)}
    (checkout / "config.json").write_text(json.dumps(config))
    for path in REJECTS.findall(script):
        (checkout / path).parent.mkdir(exist_ok=True)
        (checkout / path).write_text("".join(f"{json.dumps(line)}\n" for line in REJECTED))
    ended = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=checkout,
        env={
            **os.environ,
            **where,
            "PATH": f"{COMMANDS}:{os.environ['PATH']}",
            "MAKEFLAGS": "n",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "Traceback" not in ended.stderr


def test_benchmarks_have_the_options_that_are_shown() -> None:
    shown: dict[str, set[str]] = {}
    for document in DOCUMENTS:
        for block in blocks(document, "sh"):
            for module, options in BENCHMARK.findall(block):
                shown.setdefault(module, set()).update(re.findall(r"--\w+", options))
    assert len(shown) == 2
    for module, options in shown.items():
        command = [sys.executable, "-m", module, "--help"]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
        assert options <= {*re.findall(r"--\w+", ended.stdout)}


@pytest.mark.readmes
@pytest.mark.timeout(600)
def test_the_smallest_meltano_projects_run(
    services: Sandbox, tmp_path: Path, meltano_environment: dict[str, str]
) -> None:
    """Where two documents show a plugin they show the same, so that one project holds them all."""
    project: dict[str, Any] = {}
    plugins: dict[str, dict[str, Any]] = {"extractors": {}, "loaders": {}}
    for document in DOCUMENTS:
        for text in blocks(document, "yaml"):
            shown = yaml.safe_load(text.replace("/path/to/checkout", str(PROJECT)))
            for kind, several in shown.pop("plugins", {}).items():
                for plugin in several:
                    assert plugins[kind].setdefault(plugin["name"], plugin) == plugin
            if "environments" in shown:
                project |= shown
    assert len(plugins["extractors"] | plugins["loaders"]) == 3
    addresses = [{"name": name} for name in ("api_url", "host", "cdn_url")]
    project["plugins"] = {
        kind: [{**plugin, "settings": plugin["settings"] + addresses} for plugin in named.values()]
        for kind, named in plugins.items()
    }
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project))
    meltano(tmp_path, meltano_environment, "install")
    meltano(tmp_path, meltano_environment, "run", "tap-moesif", "target-segment")
    assert services.segment()["counts"]["accepted"] == 60
    meltano(tmp_path, meltano_environment, "run", "tap-moesif", "target-moesif")
    assert len(services.collector()["accepted"]["users"]) == 60


SETTINGS = [
    pytest.param(document.parent.name, text, id=f"{document.parent.name}-{number}")
    for document in DOCUMENTS
    for number, text in enumerate(blocks(document, "yaml"))
    if "plugins" not in yaml.safe_load(text)
]


@pytest.mark.parametrize(("connector", "text"), SETTINGS)
def test_settings_that_are_shown_are_settings(tmp_path: Path, connector: str, text: str) -> None:
    shown = yaml.safe_load(text)
    if connector == "tap-moesif":
        TapMoesif(config={**shown, "management_api_key": "k"})
        with pytest.raises(ConfigValidationError):
            TapMoesif(config={"management_api_key": "k", "usage_traits": {"any": {}}})
        return
    key = "write_key" if connector == "target-segment" else "application_id"
    settings = {**shown, key: "k", "verify_write_key": False}
    if connector != "target-segment":
        del settings["verify_write_key"]
    ended = run(connector, tmp_path, settings)
    assert (ended.code, ended.stdout) == (0, ""), ended.stderr
    spoilt = {**settings, "streams": {"any": {"call": "shout"}}}
    assert run(connector, tmp_path, spoilt).code == 1


def test_every_make_target_that_a_sentence_names_is_there() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"`make ([a-z]+)", document.read_text())
    }
    assert {"demo", "sandbox"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def example(document: str) -> dict[str, Any]:
    """Give the first JSON block of a document."""
    shown = json.loads(blocks(PROJECT / document, "json")[0])
    assert isinstance(shown, dict)
    return shown


def sent(target: Target, folder: Path, message: Any, **more: Any) -> Any:
    """Give what becomes of one record."""
    schema: dict[str, Any] = {"properties": {name: {} for name in message}}
    if "messageId" not in message:
        schema["$id"] = "urn:tap-moesif:users"
    lines: list[dict[str, Any]] = [
        {"type": "SCHEMA", "stream": "users", "schema": schema, "key_properties": []},
        {"type": "RECORD", "stream": "users", "record": message, **more},
    ]
    with target.service() as service:
        ended = run(target.name, folder, target.config(service.url), lines=lines)
    assert ended.code == 0, ended.stderr
    [message] = target.sent(service)
    return message


def test_the_identify_that_is_shown_is_the_one_that_is_sent(tmp_path: Path) -> None:
    shown = example("README.md")
    assert shown["traits"]["last24HourAggResults"] == example("tap-moesif/README.md")
    context = {name: shown["context"][name] for name in ("ip", "location")}
    record = {**shown["traits"], "context": context}
    at = shown["timestamp"]
    message = sent(SEGMENT, tmp_path, record, time_extracted=at)
    assert len(message.pop("messageId")) == len(shown.pop("messageId"))
    assert message == shown


def test_the_action_that_is_shown_is_the_one_that_is_sent(tmp_path: Path) -> None:
    shown = example("target-moesif/README.md")
    request = shown["request"]
    track = {
        "type": "track",
        "userId": shown["user_id"],
        "event": shown["action_name"],
        "properties": shown["metadata"],
        "messageId": shown["transaction_id"],
        "timestamp": request["time"],
        "context": {
            "ip": request["ip_address"],
            "userAgent": request["user_agent_string"],
            "page": {"url": request["uri"]},
            "groupId": shown["company_id"],
        },
    }
    assert sent(MOESIF, tmp_path, track) == shown


def test_the_target_that_is_shown_is_checked_and_delivers(tmp_path: Path) -> None:
    """The types of `tests/support` are checked by `make lint`."""
    source, tests = blocks(PROJECT / "singer-delivery" / "README.md", "python")
    folder = PROJECT / "tests"
    assert source == (folder / "support" / "examples" / "target_webhook.py").read_text()
    assert tests == (folder / "singer_delivery" / "test_promises_of_a_webhook.py").read_text()
    (tmp_path / "target_webhook.py").write_text(source)
    lines = [
        {"type": "SCHEMA", "stream": "any", "schema": {"properties": {}}, "key_properties": ["id"]},
        {"type": "RECORD", "stream": "any", "record": {"id": 1}},
        {"type": "RECORD", "stream": "any", "record": {}},
        {"type": "STATE", "value": "end"},
    ]
    with ScriptedService(lambda _: Reply(201, b"ok")) as service:
        (tmp_path / "config.json").write_text(json.dumps({"url": service.url, "token": "t"}))
        ended = subprocess.run(
            [sys.executable, "target_webhook.py", "--config", "config.json"],
            cwd=tmp_path,
            input="\n".join(map(json.dumps, lines)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (3, '"end"\n')
    [request] = service.requests
    assert request.json == [{"id": 1}]
    assert request.headers["Authorization"] == "Bearer t"
