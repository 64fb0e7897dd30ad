from __future__ import annotations

import fcntl
import json
import signal
import struct
import subprocess
import termios
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, ClassVar

import pytest
from jsonschema import Draft202012Validator
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from singer_sdk.testing.runners import TapTestRunner
from typing_extensions import override

from commands import call, started
from scripted import Reply
from tap_moesif import TapMoesif
from tap_moesif.streams.companies import Companies
from tap_moesif.streams.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.tap_moesif.conftest import Documents, Sandbox

    from account import Account
    from tap_moesif.streams import MoesifStream

    Run = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.slow

KEY = "management-key-nobody-may-see"
PERSON = "zoe@example.com"
LARGER_THAN_THE_PIPE = 100_000  # which holds 65,536
MORE_THAN_SCHEMAS = 40_000

SETTINGS = {
    "management_api_key": None,
    "api_url": "https://api.moesif.com/v1",
    "allow_http": False,
    "app_id": None,
    "start_date": None,
    "end_date": None,
    "page_size": 1000,
    "max_page_size": 10_000,
    "parallel_requests": 4,
    "lookback_minutes": 20,
    "requests_per_minute": 500,
    "users_path": "/search/~/search/users",
    "companies_path": "/search/~/search/companies",
    "usage_rollup": True,
    "emit_session_tokens": False,
    "event_type": None,
    "emit_event_payloads": False,
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command, each option's value in a file of its own."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None, **files: object
    ) -> subprocess.CompletedProcess[str]:
        options = list(arguments)
        for option, content in files.items():
            path = tmp_path / f"{option}.json"
            path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
            options += [f"--{option}", str(path)]
        ended = call("tap-moesif", *options, env=env or {})
        return subprocess.CompletedProcess(options, ended.code, ended.stdout, ended.stderr)

    return run


def config(url: str, **settings: object) -> dict[str, Any]:
    return {"management_api_key": KEY, "api_url": url, **settings}


def messages(output: str) -> list[dict[str, Any]]:
    assert not output or output.endswith("\n")
    return [json.loads(line) for line in output.splitlines()]


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Give the one sentence that a failed run ends with."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert PERSON not in done.stderr
    errors = [line for line in done.stderr.splitlines() if "| ERROR " in line]
    return errors[-1].split(" | ")[-1].strip()


def discovered(run: Run, **files: object) -> dict[str, Any]:
    done = run("--discover", **files)
    assert done.returncode == 0, done.stderr
    catalog: dict[str, Any] = json.loads(done.stdout)
    return catalog


def test_about_tells_every_setting(run: Run) -> None:
    about = json.loads(run("--about", "--format", "json").stdout)

    told = about["settings"]["properties"]
    assert {name: told[name].get("default") for name in SETTINGS} == SETTINGS
    for name in SETTINGS:
        assert told[name]["title"], name
        assert told[name]["description"].endswith("."), name
    assert about["settings"]["required"] == ["management_api_key"]
    assert [name for name in told if told[name].get("secret")] == ["management_api_key"]


@pytest.mark.parametrize("files", [{}, {"config": {"management_api_key": KEY}}])
def test_the_catalog_is_discovered_with_and_without_settings(
    run: Run, files: dict[str, Any]
) -> None:
    catalog = discovered(run, **files)

    keys = {stream["tap_stream_id"]: stream.get("replication_key") for stream in catalog["streams"]}
    chosen = set()
    assert (
        keys.items()
        >= {
            "cohorts": None,
            "companies": "modifiedTime",
            "events": "requestTime",
            "subscriptions": "modifiedTime",
            "users": "modifiedTime",
        }.items()
    )
    for stream in catalog["streams"]:
        Draft202012Validator.check_schema(stream["schema"])
        assert stream["key_properties"] == ["id"]
        [selected] = [e["metadata"]["selected"] for e in stream["metadata"] if not e["breadcrumb"]]
        if selected:
            chosen.add(stream["tap_stream_id"])
        properties = stream["schema"]["properties"]
        assert all(inner["description"] for inner in properties.values())
        selectable = [tuple(entry["breadcrumb"]) for entry in stream["metadata"]]
        assert {("properties", name) for name in properties} < set(selectable)
    assert chosen == {"users", "companies", "subscriptions", "cohorts"}


def test_the_connection_can_be_tested(run: Run, sandbox: Sandbox) -> None:
    sandbox.hold(users=[{"user_id": f"u{n}"} for n in range(5)], companies=[COMPANY])

    done = run("--test", config=sandbox.config)

    assert done.returncode == 0
    assert "rror" not in done.stderr
    records = [message for message in messages(done.stdout) if message["type"] == "RECORD"]
    assert [record["stream"] for record in records] == [
        "cohorts",
        "companies",
        "subscriptions",
        "users",
    ]


@pytest.mark.parametrize("order", [1, -1], ids=["test first", "catalog first"])
def test_a_test_tries_what_a_catalog_selects(
    run: Run, sandbox: Sandbox, tmp_path: Path, order: int
) -> None:
    sandbox.hold(users=[{"user_id": "u1"}], companies=[COMPANY])
    catalog = discovered(run)
    for stream in catalog["streams"]:
        [own] = [e["metadata"] for e in stream["metadata"] if not e["breadcrumb"]]
        own["selected"] = stream["tap_stream_id"] == "users"
    path = tmp_path / "chosen.json"
    path.write_text(json.dumps(catalog))

    done = run(*["--test", f"--catalog={path}"][::order], config=sandbox.config)

    assert done.returncode == 0
    assert {m["stream"] for m in messages(done.stdout) if "stream" in m} == {"users"}


def test_a_run_takes_settings_catalog_and_state(run: Run, sandbox: Sandbox) -> None:
    sandbox.hold(
        users=[
            {"user_id": f"u{day}", "email": PERSON, "modified_time": f"2026-01-0{day}T00:00:00"}
            for day in (1, 2, 3)
        ],
        companies=[{"company_id": "c1"}],
    )
    catalog = discovered(run)
    *others, users = catalog["streams"]
    for entry in users["metadata"]:
        entry["metadata"]["selected"] = entry["breadcrumb"][1:] != ["email"]
    bookmark = {"replication_key": "modifiedTime", "replication_key_value": "2026-01-03"}
    for entry in [entry for stream in others for entry in stream["metadata"]]:
        if not entry["breadcrumb"]:
            entry["metadata"]["selected"] = False

    done = run(config=sandbox.config, catalog=catalog, state={"bookmarks": {"users": bookmark}})

    assert done.returncode == 0, done.stderr
    records = [message for message in messages(done.stdout) if message["type"] == "RECORD"]
    assert [(record["stream"], record["record"]["id"]) for record in records] == [("users", "u3")]
    assert "email" not in records[0]["record"]
    users = messages(done.stdout)[-1]["value"]["bookmarks"]["users"]
    assert users["replication_key"] == "modifiedTime"
    assert users["unfinished"] == []


@pytest.mark.promise(4)
def test_a_record_is_the_same_to_the_byte_in_every_process(run: Run, account: Account) -> None:
    """Whatever Python's hash seed is, and whatever documents were read before."""
    names = ("zeta", "alpha", "mu", "enrichments", "clearbit", "_x", "körper")
    own: Documents = [{"user_id": "u1", **{name: {name: 1} for name in names}}]
    before: Documents = [{"user_id": "u0", "mu": 1, "beta": 2}]
    written = set()
    for seed, documents in (("1", own), ("2", [*before, *own])):
        settings = config(account.holding(documents).url, usage_rollup=False)
        done = run(config=settings, env={"PYTHONHASHSEED": seed})
        [line] = [line for line in done.stdout.splitlines() if '"id":"u1"' in line]
        written.add(line.partition('"time_extracted"')[0])

    assert len(written) == 1


def test_a_run_says_nothing_of_whom_it_reads(run: Run, account: Account) -> None:
    awkward: Documents = [
        {"email": PERSON},
        {"email": [PERSON]},
        {"user_id": PERSON, "created": PERSON},
    ]

    done = run(config=config(account.holding(awkward).url))

    assert done.returncode == 0
    assert PERSON in done.stdout
    assert PERSON not in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_a_wrong_setting_is_one_sentence(run: Run) -> None:
    done = run(config=config("http://127.0.0.1:1", page_size="many"))

    assert sentence(done) == "Setting page_size: its value is not of type 'integer'."
    assert done.stderr.count("| ERROR ") == 1
    assert done.stdout == ""


def test_a_test_of_wrong_settings_is_one_sentence(run: Run) -> None:
    assert "management_api_key is missing" in sentence(run("--test"))


@pytest.mark.parametrize("content", ["no json", "[1]"])
def test_settings_that_are_no_object_are_one_sentence(run: Run, content: str) -> None:
    assert sentence(run(config=content)) == "--config names no file that holds a JSON object"


@pytest.mark.parametrize("option", ["--state", "--catalog"])
@pytest.mark.parametrize("content", ["", "[1]", "\udcff"])
def test_a_file_that_holds_no_object_is_one_sentence(
    run: Run, tmp_path: Path, option: str, content: str
) -> None:
    path = tmp_path / "file.json"
    path.write_text(content, errors="surrogateescape")

    done = run(option, str(path), config=config("http://127.0.0.1:1"))

    assert sentence(done) == f"The file given as {option} is not a JSON object."


def test_a_file_may_begin_with_a_byte_order_mark(
    sandbox: Sandbox, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    path.write_text("{}", encoding="utf-8-sig")

    assert run("--state", str(path), config=sandbox.config).returncode == 0


def test_settings_that_are_not_there_are_one_sentence(run: Run, tmp_path: Path) -> None:
    done = run("--config", str(tmp_path / "nowhere.json"))

    assert sentence(done) == "--config names no file that holds a JSON object"


@pytest.mark.parametrize("options", [(), ("--test",)])
def test_a_wrong_key_is_one_sentence(run: Run, account: Account, options: Sequence[str]) -> None:
    account.answer = lambda _: Reply(401, {"for": PERSON})

    done = run(*options, config=config(account.url))

    assert "management_api_key is wrong or expired, or lacks the scopes read:cohorts" in sentence(
        done
    )
    assert done.stderr.count("| ERROR ") == 1
    assert {message["type"] for message in messages(done.stdout)} <= {"SCHEMA", "STATE"}


def test_a_run_that_fails_leaves_what_was_delivered(run: Run, account: Account) -> None:
    account.holding([{"user_id": f"u{n}", "email": PERSON} for n in range(4)])
    whole = account.answer
    account.answer = lambda request: (
        Reply(404) if b"search_after" in request.body else whole(request)
    )

    done = run(config=config(account.url, page_size=2, usage_rollup=False))

    assert "HTTP 404" in sentence(done)
    records = [message for message in messages(done.stdout) if message["type"] == "RECORD"]
    assert [record["record"]["id"] for record in records] == ["u0", "u1"]
    [walk] = messages(done.stdout)[-1]["value"]["bookmarks"]["users"]["unfinished"]
    assert walk["after"] == ["u1"]


@contextmanager
def started_on(account: Account, folder: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a run that reads an account."""
    (folder / "config.json").write_text(json.dumps(config(account.url, usage_rollup=False)))
    with started("tap-moesif", "--config", "config.json", cwd=folder, env=env) as process:
        yield process


@pytest.fixture
def stuck(
    account: Account, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[subprocess.Popen[bytes]]:
    """A run in the middle of a record that its reader does not take."""
    account.holding(
        [{"user_id": f"u{n}", "metadata": {"x": "y" * LARGER_THAN_THE_PIPE}} for n in range(20)]
    )
    with started_on(account, tmp_path, **getattr(request, "param", {})) as process:
        until(lambda: waiting(process.stdout) > MORE_THAN_SCHEMAS)
        yield process


def waiting(pipe: IO[bytes] | None) -> int:
    """Count the bytes in a pipe."""
    assert pipe is not None
    count: int = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]
    return count


def until(condition: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("waited in vain")


def told(process: subprocess.Popen[bytes], words: bytes) -> bool:
    """Read what a process says until it has said something."""
    assert process.stderr is not None
    return any(words in line for line in process.stderr)


@pytest.mark.parametrize(
    ("number", "stuck"),
    [(signal.SIGTERM, {}), (signal.SIGINT, {}), (signal.SIGTERM, {"PYTHONUNBUFFERED": "1"})],
    ids=["SIGTERM", "SIGINT", "unbuffered"],
    indirect=["stuck"],
)
def test_a_signal_ends_the_run_behind_a_whole_line(
    stuck: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    stuck.send_signal(number)
    assert told(stuck, f"Stopped by signal {number}".encode())

    output, errors = stuck.communicate(timeout=30)

    assert stuck.returncode == 128 + number
    assert b"Traceback" not in errors
    kinds = [message["type"] for message in messages(output.decode())]
    assert kinds[-1] == "RECORD"
    assert kinds.count("RECORD") == 1


def test_asked_again_the_run_does_not_wait_for_its_reader(
    stuck: subprocess.Popen[bytes],
) -> None:
    stuck.terminate()
    assert told(stuck, b"Stopped by signal 15")
    for _ in range(20):  # one may arrive between two of Python's looks at its signals
        stuck.terminate()
        with suppress(subprocess.TimeoutExpired):
            stuck.wait(timeout=1)
            break

    assert stuck.returncode == 143


@pytest.mark.parametrize("size", [2_000, LARGER_THAN_THE_PIPE])
def test_a_reader_that_goes_ends_the_run(account: Account, tmp_path: Path, size: int) -> None:
    account.holding([{"user_id": f"u{n}", "metadata": {"x": "y" * size}} for n in range(99)])
    with started_on(account, tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        code = process.wait(30)

    assert code == 1
    assert b"The target closed the pipe; stopping" in errors
    assert b"BrokenPipeError" not in errors
    assert b"unhandled error" not in errors


COMPANY = {"company_id": "c1", "subscriptions": [{"subscription_id": "s1", "status": "active"}]}
WHOLE_COMPANY = {
    "company_id": "c1",
    "created": "2026-01-01",
    "modified_time": "2026-01-01T00:00:00",
    "first_seen_time": "2026-01-01",
    "last_seen_time": "2026-01-01",
    "ip_address": "10.0.0.1",
    "company_domain": "acme.example",
    "ttfhw_s": 5,
    "metadata": {},
    "name": "Acme",
}
WHOLE_USER = {
    "user_id": "u1",
    "created": "2026-01-01",
    "modified_time": "2026-01-01T00:00:00",
    "first_seen_time": "2026-01-01",
    "last_seen_time": "2026-01-01",
    "name": "Zoë Doe",
    "first_name": "Zoë",
    "last_name": "Doe",
    "email": PERSON,
    "user_name": "@zoe",
    "phone": "+1 555",
    "photo_url": "https://x/y.png",
    "company": WHOLE_COMPANY,
    "campaign": {"utm_source": "x"},
    "clearbit": {},
    "metadata": {},
    "user_agent": {"name": "Chrome"},
    "ip_address": "10.0.0.1",
    "app_id": "198:3",
}


class TapOfProfiles(TapMoesif):
    """The tap with the streams whose documents a test can put into the sandbox."""

    config_jsonschema: ClassVar[dict[str, Any]] = TapMoesif.config_jsonschema

    @override
    def discover_streams(self) -> Sequence[MoesifStream]:
        return [Users(self), Companies(self)]


StandardTests = get_tap_test_class(
    TapOfProfiles, config=config("http://127.0.0.1:1"), parse_env_config=False
)


class TestTheSdksOwnTests(StandardTests):  # type: ignore[valid-type, misc]  # made at run time
    """They are made without a service; `runner` gives them one."""

    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls, sandbox: Sandbox) -> TapTestRunner:
        sandbox.hold(users=[WHOLE_USER, {"user_id": "u2"}], companies=[WHOLE_COMPANY])
        runner = TapTestRunner(
            TapOfProfiles,
            config=sandbox.config,
            suite_config=SuiteConfig(max_records_limit=None),
            parse_env_config=False,
        )
        runner.sync_all()
        return runner
