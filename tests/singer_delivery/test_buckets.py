"""Rejects, outcomes, history and summary in a bucket: uploaded before STATE passes them."""

from __future__ import annotations

import json
import queue
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from object_stores import BUCKET, KEY_ID, S3, SECRET, Fault, ObjectStore, gcs, s3
from people import PEOPLE, REFUSED
from singer_delivery.buckets import spool
from singer_delivery.buckets import store as store_module
from singer_delivery.buckets.spool import Spool
from singer_delivery.buckets.store import Store
from singer_delivery.buckets.urls import url_errors
from singer_delivery.errors import RejectsFileError
from singer_delivery.files import SharedLines
from singer_delivery.options import Options
from singer_delivery.rejects import listing
from singer_delivery.rejects.file import Rejects
from singer_delivery.reporting import outcomes
from singer_delivery.reporting.run import Run
from target_webhook import TargetWebhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from singer_delivery.files import LineFile
    from singer_delivery.testing import Ended, Reply, Request
    from singer_delivery.testing.subject import Trial

pytestmark = pytest.mark.orchestration  # they start servers of buckets

BAD = PEOPLE.line(PEOPLE.wrong)
PEOPLE_SCHEMA = json.dumps(PEOPLE.schema).encode()


@pytest.fixture
def trial(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """The webhook's, with a summary in the test's folder also where a run writes it elsewhere."""
    monkeypatch.chdir(tmp_path)
    counts = ("read", "delivered", "unchanged", "skipped", "rejected", "undelivered")
    (tmp_path / "summary.json").write_text(json.dumps(dict.fromkeys(counts, 0)))
    return trial


@pytest.fixture(scope="module")
def stores() -> Iterator[dict[str, ObjectStore]]:
    with s3() as amazon, gcs() as google:
        yield {"s3": amazon, "gs": google}


@pytest.fixture(params=["s3", "gs"])
def store(
    request: pytest.FixtureRequest,
    stores: dict[str, ObjectStore],
    monkeypatch: pytest.MonkeyPatch,
) -> ObjectStore:
    return empty(stores[request.param], monkeypatch)


@pytest.fixture
def amazon(stores: dict[str, ObjectStore], monkeypatch: pytest.MonkeyPatch) -> S3:
    store = empty(stores["s3"], monkeypatch)
    assert isinstance(store, S3)
    return store


def empty(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    store.reset()
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    return store


def lines_of(text: bytes) -> list[dict[str, Any]]:
    return [*map(json.loads, text.splitlines())]


def records(store: ObjectStore, prefix: str = "") -> list[dict[str, Any]]:
    """Return the records in all objects below a prefix; each object is a Singer stream."""
    all_lines = []
    for name, text in sorted(store.objects().items()):
        if name.startswith(prefix):
            lines = lines_of(text)
            assert lines[0]["type"] == "SCHEMA", "an object can be read alone"
            all_lines += lines
    return [line["record"] for line in all_lines if line["type"] == "RECORD"]


def left(folder: Path) -> list[Path]:
    return [each for each in (folder / ".spool").rglob("*") if each.is_file()]


def test_what_is_rejected_is_in_the_bucket_as_a_singer_stream(
    trial: Trial, store: ObjectStore
) -> None:
    url = store.url("rejects/{target}/{date}/")
    ended = trial.run([*PEOPLE.lines([1, 2]), BAD], rejects_path=url)
    [(name, text)] = store.objects().items()
    schema, record = lines_of(text)
    assert schema == PEOPLE.schema
    assert record["record"]["_delivery_reject"]["reason"] == "no_key"
    target, day, last = name.removeprefix("rejects/").split("/")
    assert (target, day.replace("-", "")) == ("target-webhook", last[:8])
    assert last.endswith("-000001.singer.jsonl")
    start = store.url(name).removesuffix("-000001.singer.jsonl")
    assert f"they are in {start} with" in ended.log
    assert f"target-webhook --replay {start}." in ended.log
    assert left(trial.folder) == []


def test_nothing_rejected_is_no_object(trial: Trial, store: ObjectStore) -> None:
    ended = trial.run(PEOPLE.lines(range(9)), rejects_path=store.url("rejects"))
    assert (ended.exit_code, ended.states[-1]) == (0, 8)
    assert store.objects() == {}
    assert [*(trial.folder / ".spool" / "target-webhook").iterdir()] == []


def test_outcomes_history_and_summary_are_there_too(trial: Trial, store: ObjectStore) -> None:
    for _ in range(2):
        trial.run(
            PEOPLE.lines(range(3)),
            outcomes_path=store.url("outcomes"),
            history_path=store.url("runs"),
        )
    told = records(store, "outcomes/")
    assert [each["outcome"] for each in told] == ["delivered"] * 6
    runs = records(store, "runs/")
    assert [run["delivered"] for run in runs] == [3, 3]
    assert {run["run_id"] for run in runs} == {each["run_id"] for each in told}
    assert len([name for name in store.objects() if name.startswith("runs/")]) == 2


def test_the_summary_is_one_object_which_the_last_run_has_written(
    trial: Trial, store: ObjectStore
) -> None:
    for count in (2, 3):
        trial.run(PEOPLE.lines(range(count)), summary_path=store.url("a/{target}.json"))
        [(name, text)] = store.objects().items()
        assert name == "a/target-webhook.json"
        assert json.loads(text)["delivered"] == count


@pytest.mark.promise(1)
def test_state_is_never_ahead_of_the_bucket(
    trial: Trial, amazon: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool.UploadedLines, "sync_seconds", 0.0)
    monkeypatch.setattr(outcomes, "SYNC_SECONDS", 0.0)
    answered: queue.SimpleQueue[int] = queue.SimpleQueue()
    seen: list[int] = []

    def answer(request: Request) -> Reply:
        [number] = trial.numbers(request)
        answered.put(number)
        return REFUSED if number % 2 else PEOPLE.success

    def lines() -> Iterator[Any]:
        for line in PEOPLE.lines(range(12)):
            yield line
            if line["type"] == "STATE":
                answered.get(timeout=20)

    trial.answer = answer

    def on_state(value: int) -> None:
        kept = {each["id"] for each in records(amazon, "rejects/")}
        assert {*range(1, value + 1, 2)} <= kept
        told = {each["record"] for each in records(amazon, "outcomes/")}
        assert {*range(1, value + 2)} <= told
        seen.append(value)

    ended = trial.run(
        lines(),
        on_state=on_state,
        rejects_path=amazon.url("rejects"),
        outcomes_path=amazon.url("outcomes"),
        batch_size_rows=1,
        max_rejects=-1,
    )
    assert (ended.exit_code, seen[-1]) == (0, 11)
    assert len(seen) > 2, "and not only at the end"


def test_uploads_come_at_the_pace_of_state_and_not_one_a_line(trial: Trial, amazon: S3) -> None:
    lines = [PEOPLE.schema, *[BAD, {"type": "STATE", "value": 1}] * 50]
    ended = trial.run(lines, rejects_path=amazon.url("rejects"), max_rejects=-1)
    assert ended.states[-1] == 1
    assert len(records(amazon)) == 50
    assert len(amazon.objects()) <= 2


def test_much_is_uploaded_in_parts_before_any_state_waits_for_it(
    trial: Trial, amazon: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "PART_BYTES", 2_000)
    trial.run([PEOPLE.schema, *[BAD] * 50], rejects_path=amazon.url("rejects"))
    assert len(records(amazon)) == 50
    sizes = [len(text) for text in amazon.objects().values()]
    assert len(sizes) > 3
    assert max(sizes) < 3_000


def test_two_runs_never_write_to_the_same_object(trial: Trial, amazon: S3) -> None:
    for _ in range(2):
        trial.run([PEOPLE.schema, BAD], rejects_path=amazon.url("rejects"))
    assert len(amazon.objects()) == len(records(amazon)) == 2


def denied(code: str, *, objects_only: bool = False) -> Any:
    def fault(method: str, path: str) -> Fault | None:
        refused = method == "PUT" and not (objects_only and spool.LOCK and ".write-check" in path)
        return (403, code) if refused else None

    return fault


@pytest.mark.parametrize("setting", ["rejects_path", "outcomes_path", "history_path"])
def test_a_bucket_that_refuses_later_stops_the_run_and_keeps_state_and_the_local_copy(
    trial: Trial, amazon: S3, setting: str
) -> None:
    amazon.fault = denied("AccessDenied", objects_only=True)
    lines = [*PEOPLE.lines([1]), BAD, {"type": "STATE", "value": 2}]
    settings: dict[str, Any] = {setting: amazon.url("there")}
    ended = trial.run(lines, max_rejects=1, **settings)
    assert ended.exit_code == 1
    assert (2 in ended.states) == (setting == "history_path"), "which STATE does not wait for"
    kept = [each for each in left(trial.folder) if each.name != spool.LOCK]
    assert len(kept) == 1
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600
    path = str(kept[0].relative_to(trial.folder))
    assert f"Cannot upload {path} to {amazon.url('there')}" in ended.log
    assert "access is denied (AccessDenied)" in ended.log

    text = kept[0].read_bytes()
    amazon.fault = lambda *_: None
    settings[setting] = amazon.url("elsewhere")
    again = trial.run([PEOPLE.schema], **settings)
    assert again.exit_code == 0
    name = f"there/{kept[0].name}"
    assert amazon.objects()[name] == text, "it goes where it was to go"
    assert left(trial.folder) == []


def test_a_line_that_a_kill_has_torn_is_not_uploaded(trial: Trial, amazon: S3) -> None:
    amazon.fault = denied("AccessDenied", objects_only=True)
    trial.run([PEOPLE.schema, BAD], rejects_path=amazon.url("rejects"))
    [path] = [each for each in left(trial.folder) if each.name != spool.LOCK]
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-9])
    amazon.fault = lambda *_: None
    trial.run([PEOPLE.schema], rejects_path=amazon.url("rejects"))
    assert amazon.objects() == {f"rejects/{path.name}": whole + PEOPLE_SCHEMA + b"\n"}


def test_what_a_run_still_writes_is_not_taken_by_another(trial: Trial, amazon: S3) -> None:
    running = Spool(trial.folder / ".spool" / "target-webhook", Run("target-webhook", "1"))
    running.open({})
    rejects = Rejects(running.lines(amazon.url("rejects"), ".jsonl"), lambda: "now")
    rejects.schema("people", PEOPLE_SCHEMA)
    rejects.add("people", json.dumps(BAD).encode(), "r", "d")
    assert trial.run(PEOPLE.lines([1]), rejects_path=amazon.url("rejects")).exit_code == 0
    assert amazon.objects() == {}
    rejects.close()
    running.close()
    assert len(records(amazon)) == 1
    assert left(trial.folder) == []


def test_what_no_run_has_made_stays_in_the_spool(trial: Trial, amazon: S3) -> None:
    other = trial.folder / ".spool" / "target-webhook" / "lost+found" / "file"
    other.parent.mkdir(parents=True)
    other.write_text("")
    assert trial.run(PEOPLE.lines([1]), rejects_path=amazon.url("rejects")).exit_code == 0
    assert left(trial.folder) == [other]


STARTS: dict[str, tuple[str, dict[str, str | None]]] = {
    "no such bucket": ("there is no such bucket or object (NoSuchBucket)", {}),
    "a wrong key": ("access is denied (InvalidAccessKeyId)", {}),
    "a wrong secret": ("access is denied (SignatureDoesNotMatch)", {}),
    "no right to write": ("access is denied (AccessDenied)", {}),
    "no credentials": ("no credentials were found", {"AWS_ACCESS_KEY_ID": None}),
    "unreachable": ("it cannot be reached", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}),
    "slow": ("no answer within 0.2 s", {}),
    "broken": ("the client failed with", {}),
}


@pytest.mark.parametrize(
    ("kind", "setting"),
    [*((kind, "rejects_path") for kind in STARTS), ("a wrong key", "summary_path")],
)
def test_a_bucket_that_cannot_be_written_is_told_before_anything_is_sent(
    trial: Trial,
    amazon: S3,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    setting: str,
) -> None:
    said, env = STARTS[kind]
    over = threading.Event()
    for name, value in env.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    if kind == "slow":
        monkeypatch.setattr(spool, "UPLOAD_SECONDS", 0.2)
        amazon.fault = lambda *_: None if over.wait(20) else (500, "TooSlow")
    elif kind == "broken":
        amazon.fault = lambda *_: (400, "MalformedXML")
    elif "(" in said and "NoSuch" not in said:
        amazon.fault = denied(said.partition("(")[2].rstrip(")"))
    bucket = "no-such" if kind == "no such bucket" else BUCKET
    settings: dict[str, Any] = {setting: f"s3://{bucket}/there/x"}
    ended = trial.run(PEOPLE.lines([1]), **settings)
    over.set()
    assert (ended.exit_code, ended.states, trial.requests) == (1, [], [])
    assert f"({setting}): {said}" in ended.log
    assert left(trial.folder) == []
    assert_no_secret(ended)


def assert_no_secret(ended: Ended) -> None:
    assert KEY_ID not in ended.log
    assert SECRET not in ended.log


@pytest.mark.promise(11)
def test_no_log_holds_a_credential_at_any_level(trial: Trial, amazon: S3) -> None:
    ended = trial.run(
        [*PEOPLE.lines([1]), BAD],
        rejects_path=amazon.url("rejects"),
        outcomes_path=amazon.url("outcomes"),
    )
    assert ended.exit_code == 3
    assert_no_secret(ended)
    assert "botocore" not in ended.log


def test_a_role_that_may_only_add_objects_is_enough(trial: Trial, amazon: S3) -> None:
    amazon.fault = lambda method, _: (403, "AccessDenied") if method == "DELETE" else None
    ended = trial.run([*PEOPLE.lines([1]), BAD], rejects_path=amazon.url("rejects"))
    assert (ended.exit_code, ended.states) == (3, [1])
    [probe, rejects] = sorted(amazon.objects())
    assert probe.startswith("rejects/.write-check-")
    assert rejects.endswith(".singer.jsonl")


def test_a_dry_run_writes_to_no_bucket(trial: Trial, amazon: S3) -> None:
    ended = trial.run(
        [*PEOPLE.lines([1]), BAD],
        rejects_path=amazon.url("rejects"),
        history_path=amazon.url("runs"),
        dry_run=True,
    )
    assert ended.exit_code == 3
    assert amazon.requests == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rejects_path": "ftp://there/a"}, "rejects_path: it must be a path, or a URL that"),
        ({"outcomes_path": "s3://key:secret@there/a"}, "outcomes_path: it must not contain cr"),
        ({"rejects_path": "s3://"}, "rejects_path: no part of its URL may be empty"),
        ({"rejects_path": "s3://there//a"}, "rejects_path: no part of its URL may be empty"),
        ({"rejects_path": "s3://there/../a"}, "rejects_path: no part of its URL may be empty"),
        ({"summary_path": "gs://there"}, "summary_path: its URL must name an object"),
        ({"summary_path": "gs://there/"}, "summary_path: its URL must name an object"),
        ({"metrics_path": "s3://there/a"}, "metrics_path: it must be a file on this machine"),
        ({"dry_run_path": "s3://there/a"}, "dry_run_path: it must be a file on this machine"),
        ({"fingerprints_path": "s3://there/a"}, "fingerprints_path: it must be a file"),
    ],
)
def test_a_url_that_names_no_place_is_a_wrong_setting(settings: dict[str, str], said: str) -> None:
    [sentence] = url_errors(settings, "target-webhook")
    assert said in sentence
    assert "secret" not in sentence


def test_good_urls_and_paths_are_no_errors() -> None:
    good = {
        "rejects_path": "s3://there",
        "outcomes_path": "gs://there/{date}/",
        "summary_path": "s3://there/summary.json",
        "history_path": "a/b",
        "fingerprints_path": "postgresql://there/db",
        "spool_path": ".spool",
    }
    assert [*url_errors(good, "target-webhook")] == []


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_a_missing_client_is_told_with_the_extra_to_install(
    monkeypatch: pytest.MonkeyPatch, scheme: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    [sentence] = url_errors({"rejects_path": f"{scheme}://there/a"}, "target-segment")
    extra = {"s3": "s3", "gs": "gcs"}[scheme]
    assert sentence.startswith("Setting rejects_path: the client of that bucket is not inst")
    assert sentence.endswith(f"Install target-segment[{extra}].")


@pytest.mark.parametrize("place", ["file", "bucket"])
def test_rejects_are_the_same_wherever_they_go(amazon: S3, tmp_path: Path, place: str) -> None:
    path = tmp_path / "rejects.jsonl"
    file: LineFile = SharedLines(path, RejectsFileError)
    if place == "bucket":
        file = Spool(tmp_path / "spool", Run("target", "1")).lines(amazon.url("r"), ".jsonl")
    rejects = Rejects(file, lambda: "now")
    for number in (1, 2, 1, 1):
        rejects.schema(f"s{number}", b'{"type":"SCHEMA","stream":"s%d","schema":{}}' % number)
        line = b'{"type":"RECORD","stream":"s%d","record":{"a":"\xc3\xa9","n":1.10}}' % number
        rejects.add(f"s{number}", line, "r", "d")
    rejects.sync()
    rejects.sync()
    rejects.close()
    [text] = amazon.objects().values() if place == "bucket" else [path.read_bytes()]
    types = [line["type"] for line in lines_of(text)]
    assert types == ["SCHEMA", "RECORD", "SCHEMA", "RECORD", "RECORD", "RECORD"]
    assert text.count('"a":"é","n":1.10,'.encode()) == 4


@pytest.mark.promise(13)
def test_what_is_in_a_bucket_is_listed_and_sent_again(
    trial: Trial, store: ObjectStore, capsys: pytest.CaptureFixture[str]
) -> None:
    trial.answer = lambda _: REFUSED
    for number in (1, 2):
        lines = [*PEOPLE.lines([number]), BAD]
        trial.run(lines, rejects_path=store.url("rejects"), max_rejects=-1)
    first, second = sorted(store.objects())  # in the order in which the runs have started

    assert listing.main([store.url("rejects")]) == 0
    out, err = capsys.readouterr()
    assert "Cannot read" not in err
    assert sorted(line.split()[:3] for line in out.splitlines()[1:]) == [
        ["2", "people", "no_key"],
        ["2", "people", "refused_by_service"],
    ]

    trial.answer = lambda _: PEOPLE.success
    whole_run = second.removesuffix("-000001.singer.jsonl")
    places = {"rejects/": {1, 2}, "rejects": {1, 2}, first: {1}, whole_run: {2}}
    for place, numbers in places.items():
        trial.acknowledged.clear()
        assert replay(trial, store.url(place), rejects_path=store.url("again")) == 3
        assert trial.acknowledged == numbers
    assert "again/" in min(store.objects()), "what is refused again is kept again"


def replay(trial: Trial, place: str, **settings: Any) -> int:
    config = {**PEOPLE.settings(trial.url), **settings}
    options = Options(replay=place)
    return TargetWebhook.main(config, parse_env=False, file_input=None, options=options)


@pytest.mark.parametrize("size", [1, 7, 40, 1 << 20])
def test_an_object_is_read_in_parts_to_its_last_byte(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(store_module, "READ_BYTES", size)
    text = b'{"a": 1}\n\n{"b": "\xc3\xa9"}\n{"torn'
    objects = Store(store.url(), 20)
    objects.write(store.url("a/b"), text, 20)
    assert [*objects.lines(store.url("a/b"), 20)] == text.splitlines(keepends=True)


def test_a_client_that_looks_for_credentials_too_long_is_told(
    trial: Trial, amazon: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(spool, "UPLOAD_SECONDS", 0.1)
    monkeypatch.setattr("fsspec.filesystem", lambda *_, **__: over.wait(60))
    ended = trial.run(PEOPLE.lines([1]), rejects_path=amazon.url("rejects"))
    over.set()
    assert (ended.exit_code, trial.requests) == (1, [])
    assert "(rejects_path): no answer within 0.1 s" in ended.log


def test_a_file_is_sent_again_by_the_same_option(trial: Trial) -> None:
    (trial.folder / "r.jsonl").write_text("".join(json.dumps(x) + "\n" for x in PEOPLE.lines([1])))
    assert replay(trial, "r.jsonl") == 0
    assert trial.acknowledged == {1}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("s3://bucket/nothing", "there are no objects"),
        ("s3://no-such/rejects", "there is no such bucket or object (NoSuchBucket)"),
        ("ftp://there/a", "it must be a path, or a URL that begins with s3:// or gs://"),
        ("nowhere.jsonl", "No such file or directory"),
    ],
)
def test_what_cannot_be_read_again_is_told(
    trial: Trial,
    amazon: S3,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    place: str,
    said: str,
) -> None:
    assert amazon.objects() == {}
    assert replay(trial, place) == 1
    assert f"Cannot read {place} (--replay): {said}" in caplog.text
    assert listing.main([place]) == 1
    assert capsys.readouterr().err == f"Cannot read {place}: {said}.\n"


def check(trial: Trial, capsys: pytest.CaptureFixture[str], **settings: Any) -> str:
    config = {**PEOPLE.settings(trial.url), **settings}
    TargetWebhook.main(config, parse_env=False, file_input=None, options=Options(check=True))
    return capsys.readouterr().out


def test_a_check_says_whether_a_run_could_write_to_the_bucket(
    trial: Trial, store: ObjectStore, capsys: pytest.CaptureFixture[str]
) -> None:
    rejects, summary = store.url("rejects"), store.url("a/summary.json")
    table = check(trial, capsys, rejects_path=rejects, summary_path=summary)
    assert f"{rejects} can be written." in table
    assert f"{summary} can be written." in table
    assert "✓ spool_path" in table
    wrong = rejects.replace(BUCKET, "no-such")
    table = check(trial, capsys, rejects_path=wrong)
    assert "✗ rejects_path" in table
    assert f"Cannot write to {wrong} (rejects_path): there is no such bucket" in table
    assert store.objects() == {}
    assert [*trial.folder.iterdir()] == [trial.folder / "summary.json"], "that of the fixture"
