"""`--check` of a target: what a run would stumble over, and nothing is changed."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from people import EMAIL, PEOPLE, TOKEN
from scripted import Reply, ScriptedService
from singer_delivery.checking import Finding, Sign, clock_finding, exit_code, table
from singer_delivery.checking.files import file_finding, lock_finding
from singer_delivery.options import Options
from target_webhook import TargetWebhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Checked(NamedTuple):
    code: int
    signs: dict[str, str]
    text: str


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService(lambda _: Reply(405, b"")) as service:
        yield service


Check = Callable[..., Checked]


@pytest.fixture
def check(service: ScriptedService, capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs the check."""

    def run(catalog: Any = None, **settings: Any) -> Checked:
        config = {**PEOPLE.settings(service.url), **settings}
        file = None if catalog is None else io.StringIO(json.dumps(catalog))
        options = Options(check=True, catalog=file)
        code = TargetWebhook.main(config, parse_env=False, file_input=None, options=options)
        text = capsys.readouterr().out
        signs = {line[2:].split("  ")[0]: line[0] for line in text.splitlines()[:-1]}
        return Checked(code, signs, text)

    return run


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_all_is_well_and_nothing_is_sent_or_left_behind(
    check: Check, service: ScriptedService, tmp_path: Path
) -> None:
    checked = check(outcomes_path="new/outcomes.jsonl")
    assert checked.code == 0
    assert checked.text.endswith("\nA run can start.\n")
    assert checked.signs == {
        "settings": "✓",
        "address": "✓",
        "clock": "✓",
        "token": "!",  # this target cannot ask
        "rejects_path": "✓",
        "outcomes_path": "✓",
        "routes": "!",
    }
    assert [*tmp_path.iterdir()] == []
    assert [request.method for request in service.requests] == ["GET"]
    assert not any("Authorization" in request.headers for request in service.requests)
    assert TOKEN not in checked.text


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"lanes": 0}, "Setting lanes: its value must be at least 1."),
        ({"token": "two words"}, "Setting token: it contains a space"),
        ({"url": "http://elsewhere.example"}, "plain http to another machine"),
    ],
)
def test_wrong_settings_are_findings(check: Check, settings: dict[str, Any], what: str) -> None:
    checked = check(**settings)
    assert (checked.code, checked.signs["settings"]) == (1, "✗")
    assert what in checked.text
    assert checked.text.endswith("\n1 of 1 would stop a run.\n")


def test_an_address_where_nobody_answers_is_a_failure(
    check: Check, service: ScriptedService
) -> None:
    service.script.append(Reply(closed=True))
    checked = check()
    assert (checked.code, checked.signs["address"]) == (1, "✗")
    assert "Check url, and the network." in checked.text


@pytest.mark.parametrize(
    ("off", "sign", "text"),
    [
        (0, Sign.OK, "agrees"),
        (-59, Sign.OK, "agrees"),
        (61, Sign.WARNING, "61 s ahead of the service's"),
        (-7200, Sign.WARNING, "7200 s behind the service's"),
        (None, Sign.WARNING, "does not return its time"),
    ],
)
def test_a_clock_that_is_off_is_a_warning(off: float | None, sign: Sign, text: str) -> None:
    now = 1_700_000_000.0
    found = clock_finding(None if off is None else now - off, now)
    assert found.sign is sign
    assert text in found.text


def test_the_clock_is_that_of_the_answer(check: Check, service: ScriptedService) -> None:
    service.script.append(Reply(404, b"", {"Date": formatdate(1, usegmt=True)}))
    checked = check()
    assert (checked.code, checked.signs["clock"]) == (0, "!")


@pytest.mark.parametrize(
    "setting",
    ["rejects_path", "outcomes_path", "summary_path", "history_path", "metrics_path"],
)
def test_a_file_that_cannot_be_written_is_a_failure(check: Check, setting: str) -> None:
    checked = check(**{setting: "/proc/nowhere/{target}.jsonl"})
    assert (checked.code, checked.signs[setting]) == (1, "✗")
    assert f"Set {setting} to a writable path." in checked.text


def test_a_file_that_another_run_is_writing_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    path.touch()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert file_finding("rejects_path", path).sign is Sign.WARNING
    assert file_finding("rejects_path", path).sign is Sign.OK


def test_a_disk_that_is_nearly_full_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singer_delivery.checking.files.LOW_BYTES", 1 << 80)
    found = file_finding("rejects_path", tmp_path / "new" / "rejects.jsonl")
    assert found.sign is Sign.WARNING
    assert "MB are free there" in found.text


def test_a_lock_that_a_run_holds_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "fingerprints.sqlite"
    assert lock_finding("fingerprints_path", path) is None
    with (tmp_path / "fingerprints.sqlite.lock").open("w") as lock:
        assert lock_finding("fingerprints_path", path) is None
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = lock_finding("fingerprints_path", path)
        assert found is not None
        assert found.sign is Sign.FAILED
    assert lock_finding("fingerprints_path", path) is None


def stream(name: str, *, selected: bool = True) -> dict[str, Any]:
    return {
        "tap_stream_id": name,
        "key_properties": ["id"],
        "schema": {"type": "object", "properties": {"id": {"type": ["string"]}}},
        "metadata": [{"breadcrumb": [], "metadata": {"selected": selected}}],
    }


def test_each_selected_stream_of_a_catalog_has_a_row(check: Check) -> None:
    catalog = {"streams": [stream("people"), stream("left", selected=False), stream("dropped")]}
    maps = {"dropped": "__NULL__", "people": None}
    checked = check(catalog, stream_maps=maps)
    assert checked.code == 0
    assert checked.signs.keys() >= {"stream people", "stream dropped"}
    assert "stream left" not in checked.signs


@pytest.mark.parametrize("catalog", [[], {"streams": 5}, "x"])
def test_a_file_that_is_no_catalog_is_a_failure(check: Check, catalog: Any) -> None:
    checked = check(catalog)
    assert (checked.code, checked.signs) == (1, {"catalog": "✗"})


def test_the_exit_code_is_1_if_a_run_would_fail_and_not_for_a_warning() -> None:
    good, warned, failed = (Finding(sign, "what", "text") for sign in Sign)
    assert exit_code([]) == exit_code([good, warned]) == 0
    assert exit_code([good, failed]) == 1
    assert table([good, failed]).endswith("1 of 2 would stop a run.\n")


@pytest.mark.fresh_process
def test_the_signs_do_not_break_a_terminal_that_lacks_them(service: ScriptedService) -> None:
    script = (
        "import sys, json, target_webhook as t; from singer_delivery.options import Options; "
        "sys.exit(t.TargetWebhook.main(json.loads(sys.argv[1]), parse_env=False, file_input=None, "
        "options=Options(check=True)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, json.dumps(PEOPLE.settings(service.url))],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert "? settings" in ended.stdout


def test_a_payload_is_never_shown(check: Check, service: ScriptedService) -> None:
    service.script.append(Reply(500, {"message": f"{EMAIL} {TOKEN}"}))
    checked = check()
    assert EMAIL not in checked.text
    assert TOKEN not in checked.text
