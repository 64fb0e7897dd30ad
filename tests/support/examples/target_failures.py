"""Each way in which a run of a target fails, or complains and goes on, made to happen."""

from __future__ import annotations

import fcntl
import gzip
import json
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from commands import COMMANDS, Ended, call, feed, run, started
from object_stores import s3
from scripted import Reply, ScriptedService
from segment_runs import SUCCESS, record, schema, state
from singer_delivery.fingerprints import file as fingerprint_file
from singer_delivery.fingerprints.file import APPLICATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scripted import Request

    Case = Callable[[Path], Ended]
    Line = Mapping[str, Any] | str

SCHEMA = schema("calls", "userId", "event", "properties")
RECORD = record("calls", userId="u", event="Ordered")
MISSING = "/proc/nowhere/file"
"""A place that nobody can write to, root included."""

BROKEN = """
from singer_delivery.delivery import Delivery
from singer_delivery.records import Records
{method} = {by}
"""

SOON_OVER = """
import singer_delivery.http.waits as w
w.RetryBudget.__init__.__defaults__ = (0.2, *w.RetryBudget.__init__.__defaults__[1:])
import singer_delivery.sending.lane as l
l.UNREACHED_SECONDS = 0.05
"""
IMPATIENT = """
import singer_delivery.files as f
f.SharedLines.__init__.__kwdefaults__["seconds"] = 0.1
"""
TAKEN_OVER = """
import singer_delivery.fingerprints.file as f
from singer_delivery.errors import LeaseLostError
def renew_lease(_):
    raise LeaseLostError(path="postgresql://there/shared", seconds=60)
f.FingerprintFile.renew_lease = renew_lease
"""
NO_DRIVER = """
import sys
sys.modules["psycopg"] = None
"""
NO_CLIENT = NO_DRIVER.replace("psycopg", "s3fs")
MOVED = f"""
create table moved (place);
insert into moved values ('postgresql://there/shared');
pragma application_id = {APPLICATION};
pragma user_version = {fingerprint_file.MOVED};
"""
NOWHERE = {"changed_only": True, "fingerprints_path": "postgresql://127.0.0.1:1/shared"}


ROUTES = {"calls": {"as": "segment.calls"}}


def segment(service: ScriptedService, **settings: Any) -> dict[str, Any]:
    return {"write_key": "k", "host": service.url, "streams": ROUTES, **settings}


def moesif(service: ScriptedService, **settings: Any) -> dict[str, Any]:
    return {"application_id": "k", "api_url": service.url, "streams": ROUTES, **settings}


def deliver(
    folder: Path,
    *lines: Line,
    answer: Callable[[Request], Reply] = lambda _: SUCCESS,
    code: str = "",
    **settings: Any,
) -> Ended:
    """Run target-segment on some lines."""
    with ScriptedService(answer) as service:
        config = segment(service, **settings)
        return run("target-segment", folder, config, lines=lines, before=code)


def fed(*lines: Line, **settings: Any) -> Case:
    return lambda folder: deliver(folder, *lines, **settings)


def answered(*reply: Any, **settings: Any) -> Case:
    """Deliver one record to a Segment that answers always alike."""
    settings = {"retry_max_seconds": 0.05, **settings}
    return fed(SCHEMA, RECORD, answer=lambda _: Reply(*reply), **settings)


def configured(name: str, config: dict[str, Any]) -> Case:
    return lambda folder: run(name, folder, config)


def to_moesif(*lines: Line, answer: Callable[[Request], Reply], **settings: Any) -> Case:
    def case(folder: Path) -> Ended:
        with ScriptedService(answer) as service:
            return run("target-moesif", folder, moesif(service, **settings), lines=lines)

    return case


def at(host: str, folder: Path) -> Ended:
    """Deliver to an address where nobody answers as they should."""
    with ScriptedService(lambda _: SUCCESS) as service:
        host = host.format(service.url.rpartition(":")[2])
        config = segment(service, host=host, retry_max_seconds=0.05)
        return run("target-segment", folder, config, lines=[SCHEMA, RECORD])


def no_config(folder: Path) -> Ended:
    return call("target-segment", "--config", "nowhere.json", cwd=folder)


def unanswered(folder: Path) -> Ended:
    never = threading.Event()
    case = answered(200, {}, {}, False, never, request_timeout_seconds=0.05)
    return case(folder)


def down_for_a_moment(folder: Path) -> Ended:
    replies = [Reply(503)]
    return deliver(folder, SCHEMA, RECORD, answer=lambda _: replies.pop() if replies else SUCCESS)


def stopped(signum: int, folder: Path) -> Ended:
    """Send a signal while a request is on its way."""
    with ScriptedService(lambda _: SUCCESS) as service:
        config = segment(service, batch_wait_limit_seconds=0.01)
        (folder / "config.json").write_text(json.dumps(config))
        with started("target-segment", "--config", "config.json", cwd=folder) as process:

            def answer(_: Request) -> Reply:
                process.send_signal(signum)
                return SUCCESS

            service.answer = answer
            feed(process, SCHEMA, RECORD)
            process.wait(60)
            stdout, stderr = process.communicate(timeout=60)
    return Ended(process.returncode, stdout.decode(), stderr.decode())


def a_few_records_only(folder: Path) -> Ended:
    with ScriptedService(lambda _: SUCCESS) as service:
        lines = [SCHEMA, RECORD, RECORD]
        return run("target-segment", folder, segment(service), "--send-only", "1", lines=lines)


def with_nobody_reading(folder: Path) -> Ended:
    with ScriptedService(lambda _: SUCCESS) as service:
        (folder / "config.json").write_text(json.dumps(segment(service)))
        with started("target-segment", "--config", "config.json", cwd=folder) as process:
            assert process.stdout is not None
            process.stdout.close()
            process.stdout = None
            feed(process, SCHEMA, RECORD, state("end"))
            _, stderr = process.communicate(timeout=60)
    return Ended(process.returncode, "", stderr.decode())


def verified(*reply: Any) -> Case:
    """Ask for the write key of a CDN that answers always alike."""

    def case(folder: Path) -> Ended:
        with ScriptedService(lambda _: Reply(*reply)) as cdn:
            return deliver(folder, SCHEMA, RECORD, cdn_url=cdn.url)

    return case


def in_use(folder: Path) -> Ended:
    """Run beside another that has the fingerprints file."""
    with (folder / "prints.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return deliver(folder, changed_only=True, fingerprints_path="prints")


def came_up_empty(folder: Path) -> Ended:
    """Read a table completely, and then again when it is empty."""
    kept: dict[str, Any] = {"changed_only": True, "on_removed": "event"}
    calls = schema("calls", "userId", "traits")
    first, second = ({"type": "ACTIVATE_VERSION", "stream": "calls", "version": n} for n in (1, 2))
    person = {**record("calls", userId="u", traits={}), "version": 1}
    deliver(folder, calls, person, first, **kept)
    return deliver(folder, calls, second, **kept)


def with_a_database(sql: str, folder: Path) -> Ended:
    """Run with a file in the fingerprints' place that is none of ours."""
    with closing(sqlite3.connect(folder / "prints")) as database:
        database.executescript(sql)
    return deliver(folder, changed_only=True, fingerprints_path="prints")


def in_another_region(folder: Path) -> Ended:
    with ScriptedService(lambda _: Reply(200, {})) as cdn:
        return deliver(folder, SCHEMA, RECORD, cdn_url=cdn.url, region="eu")


def refused_after_a_success(folder: Path) -> Ended:
    replies = [SUCCESS]
    return deliver(
        folder,
        *(SCHEMA, *[RECORD] * 25),
        answer=lambda _: replies.pop() if replies else ALIKE,
        lanes=1,
        batch_size_rows=1,
    )


def asked_for_ever(folder: Path) -> Ended:
    asks = Reply(503, headers={"Retry-After": "0.01"})
    return deliver(
        folder, SCHEMA, RECORD, answer=lambda _: asks, code=SOON_OVER, retry_max_seconds=0.05
    )


def through_a_proxy(folder: Path) -> Ended:
    with ScriptedService(lambda _: SUCCESS) as proxy:
        config = segment(proxy, host="there.invalid", retry_max_seconds=0.05)
        env = {"https_proxy": proxy.url, "no_proxy": ""}
        return run("target-segment", folder, config, lines=[SCHEMA, RECORD], env=env)


def unreached(folder: Path) -> Ended:
    config = {"write_key": "k", "host": "http://127.0.0.1:1", "streams": ROUTES}
    return run("target-segment", folder, config, lines=[SCHEMA, RECORD], before=SOON_OVER)


def without_input(folder: Path) -> Ended:
    (folder / "config.json").write_text(json.dumps({"write_key": "k"}))
    command = f"{COMMANDS / 'target-segment'} --config config.json <&-"
    ended = subprocess.run(["/bin/sh", "-c", command], cwd=folder, capture_output=True, check=False)
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def torn_rejects(folder: Path) -> Ended:
    """Replay a rejects file that a kill has torn."""
    rejected = {**RECORD, "record": {**RECORD["record"], "_delivery_reject": {}}}
    text = "".join(json.dumps(line) + "\n" for line in (SCHEMA, rejected))
    with ScriptedService(lambda _: SUCCESS) as service:
        (folder / "config.json").write_text(json.dumps(segment(service)))
        with started("target-segment", "--config", "config.json", cwd=folder) as process:
            torn = text + json.dumps(rejected)[:-9]
            stdout, stderr = process.communicate(torn.encode(), timeout=60)
    return Ended(process.returncode, stdout.decode(), stderr.decode())


def table(name: str) -> dict[str, Any]:
    """Make the schema of a Segment warehouse's table."""
    return schema(name, "id", "user_id", "received_at", "sent_at", "event", "event_text")


def escaped(line: bytes) -> str:
    """Write bytes that are no UTF-8 as text, for `run`."""
    return line.decode(errors="surrogateescape")


def locked_rejects(folder: Path) -> Ended:
    """Reject a record while another process keeps the file locked."""
    with (folder / "rejects").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return deliver(folder, SCHEMA, BAD, code=IMPATIENT, rejects_path="rejects")


def to_a_bucket(refused: str, folder: Path) -> Ended:
    """Reject a record while a bucket refuses objects with such names."""
    with s3() as store, ScriptedService(lambda _: SUCCESS) as service:
        store.fault = lambda method, path: (
            (403, "AccessDenied") if method == "PUT" and refused in path else None
        )
        config = segment(service, rejects_path=store.url("rejects"))
        return run("target-segment", folder, config, lines=[SCHEMA, BAD], env=store.env)


def replayed(folder: Path) -> Ended:
    """Replay a file that is not there."""
    with ScriptedService(lambda _: SUCCESS) as service:
        return run("target-segment", folder, segment(service), "--replay", "nowhere.jsonl")


COMPANIES = schema("companies", "id", mark="companies")
SUBSCRIPTIONS = schema("subscriptions", "id", mark="subscriptions")
COHORTS = schema("cohorts", "id", mark="cohorts")
BAD = record("calls", userId="", event="Ordered")
HOME = {"integrations": {"Segment.io": {"apiHost": "events.eu1.segmentapis.com/v1"}}}
ALIKE = Reply(400, {"message": "no"})
SEVERAL_TYPES = {
    **SCHEMA,
    "schema": {"properties": {"userId": {}, "traits": {}, "n": {"type": ["string", "integer"]}}},
}
KEYED = {**schema("calls", "id", "userId"), "key_properties": ["id"]}
UNCHECKABLE = {**SCHEMA, "schema": {"properties": {"userId": {"anyOf": None}}}}
CRM = {"crm": {"call": "identify", "user_id": "emial"}}
VERIFIED = {"verify_application_id": True}
CASES: dict[str, Case] = {
    "no write key": configured("target-segment", {}),
    "no application id": configured("target-moesif", {}),
    "no region": configured("target-segment", {"write_key": "k", "region": "mars"}),
    "no such call": configured(
        "target-segment", {"write_key": "k", "streams": {"crm": {"call": "identfy"}}}
    ),
    "no such setting": configured(
        "target-segment", {"write_key": "k", "streams": {"crm": {"call": "track", "evnt": "a"}}}
    ),
    "a pointless setting": configured(
        "target-segment",
        {"write_key": "k", "streams": {"crm": {"call": "identify", "properties": ["a"]}}},
    ),
    "too small": configured("target-segment", {"write_key": "k", "lanes": 0}),
    "plain http": configured("target-segment", {"write_key": "k", "host": "http://there.invalid"}),
    "no address": configured("target-segment", {"write_key": "k", "host": "https://"}),
    "no JSON object": configured("target-segment", {"write_key": "k", "streams": "orders"}),
    "no input": without_input,
    "a key with a line break": configured("target-segment", {"write_key": "k\n"}),
    "no config": no_config,
    "no JSON": fed('{"type":'),
    "no type": fed({"type": "NONSENSE"}),
    "no strict JSON": fed(
        '{"type": "SCHEMA", "stream": "a", "schema": {"properties": {"a": NaN}}}'
    ),
    "another encoding": fed('{"type": "SCHEMA", "stream": "\udce9"}'),
    "UTF-16": fed(escaped('{"type"'.encode("utf-16"))),
    "UTF-32": fed(escaped('{"type"'.encode("utf-32"))),
    "gzip": fed(escaped(gzip.compress(b"{}"))),
    "too deep": fed('{"type": "SCHEMA", "schema": ' + "[" * 100_000),
    "a schema without a stream": fed({"type": "SCHEMA", "schema": {}}),
    "a schema without properties": fed({"type": "SCHEMA", "stream": "calls", "schema": {}}),
    "a record without one": fed(SCHEMA, {"type": "RECORD", "stream": "calls", "record": 1}),
    "a record before its schema": fed(RECORD),
    "a state without a value": fed({"type": "STATE"}),
    "a batch": fed({"type": "BATCH", "stream": "calls", "manifest": []}),
    "a wrong key": answered(401),
    "a wrong key by 400": answered(400, {"message": "An invalid write key was provided"}),
    "a wrong key at Moesif": to_moesif(SCHEMA, RECORD, answer=lambda _: Reply(401)),
    "asked to wait for ever": asked_for_ever,
    "down at Moesif": to_moesif(
        SCHEMA, RECORD, answer=lambda _: Reply(503), retry_max_seconds=0.05
    ),
    "no way through the proxy": through_a_proxy,
    "unreached from the start": unreached,
    "one refused of one": fed(SCHEMA, RECORD, answer=lambda _: ALIKE),
    "refused after a success": refused_after_a_success,
    "asked to wait for long": answered(429, {}, {"Retry-After": "3600"}),
    "down": answered(503),
    "a success that is none": answered(200, {"success": False}),
    "closed": answered(200, {}, {}, True),
    "no answer": unanswered,
    "refused": partial(at, "http://127.0.0.1:1"),
    "no TLS": partial(at, "https://127.0.0.1:{}"),
    "all refused alike": fed(SCHEMA, *[RECORD] * 25, answer=lambda _: ALIKE),
    "no place for rejects": fed(SCHEMA, BAD, rejects_path=MISSING),
    "rejects kept locked": locked_rejects,
    "a bucket that cannot be written": partial(to_a_bucket, "/"),
    "a bucket that refuses later": partial(to_a_bucket, ".singer.jsonl"),
    "no place for the spool": fed(SCHEMA, rejects_path="s3://bucket/a", spool_path=MISSING),
    "no client for a bucket": fed(SCHEMA, code=NO_CLIENT, rejects_path="s3://bucket/a"),
    "no such bucket's client": fed(SCHEMA, rejects_path="ftp://there/a"),
    "nothing to replay": replayed,
    "no place for the summary": fed(SCHEMA, RECORD, summary_path=MISSING),
    "no place for outcomes": fed(SCHEMA, RECORD, outcomes_path=MISSING),
    "no place for the history": fed(SCHEMA, RECORD, history_path=MISSING),
    "no place for metrics": fed(SCHEMA, RECORD, metrics_path=MISSING),
    "a few records only": a_few_records_only,
    "no place for a dry run": fed(SCHEMA, RECORD, dry_run=True, dry_run_path=MISSING),
    "no place for fingerprints": fed(changed_only=True, fingerprints_path=MISSING),
    "fingerprints in use": in_use,
    "a source that came up empty": came_up_empty,
    "fingerprints taken over": fed(SCHEMA, state("end"), code=TAKEN_OVER, changed_only=True),
    "no database for fingerprints": fed(SCHEMA, state("end"), **NOWHERE),
    "no driver for fingerprints": fed(SCHEMA, state("end"), code=NO_DRIVER, **NOWHERE),
    "somebody else's database": partial(with_a_database, "create table other (a)"),
    "fingerprints that were moved": partial(with_a_database, MOVED),
    "a newer version's fingerprints": partial(with_a_database, "pragma user_version = 99"),
    "an unknown application id": to_moesif(answer=lambda _: Reply(401), **VERIFIED),
    "nobody reads": with_nobody_reading,
    "an unknown write key": verified(404),
    "the other region": verified(200, HOME),
    "a defect": fed(SCHEMA, RECORD, code=BROKEN.format(method="Delivery.send", by="None")),
    "wrong counts": fed(
        SCHEMA, RECORD, code=BROKEN.format(method="Records.resolve", by="lambda *_: None")
    ),
    "rejected": fed(SCHEMA, BAD),
    "rejected in a dry run": fed(SCHEMA, BAD, dry_run=True),
    "SIGTERM": partial(stopped, signal.SIGTERM),
    "SIGINT": partial(stopped, signal.SIGINT),
    # What is only complained of.
    "down for a moment": down_for_a_moment,
    "a key that cannot be verified": verified(500),
    "a key of which nothing readable is said": verified(200, b"<html>"),
    "a key of which no region is said": in_another_region,
    "an application id that cannot be verified": to_moesif(answer=lambda _: Reply(500), **VERIFIED),
    "half a line": torn_rejects,
    "a dry run": fed(SCHEMA, RECORD, dry_run=True),
    "a stream map that is no expression": fed(SCHEMA, stream_maps={"calls": {"a": "1 +"}}),
    "a stream map without the key": fed(KEYED, stream_maps={"calls": {"id": None}}),
    "a schema that cannot check records": fed(UNCHECKABLE, validate_records=True),
    "a setting of stream maps": configured(
        "target-segment", {"write_key": "k", "stream_maps": {"calls": {"a": 1, "__else__": "a"}}}
    ),
    "an unknown stream": fed(schema("crm", "id"), record("crm", id=1)),
    "a route that says too little": fed(
        schema("crm", "id"), record("crm", id=1), streams={"crm": {"exclude": ["a"]}}
    ),
    "a table called without as": fed(table("ordered"), streams={"*": {"call": "identify"}}),
    "events that nothing tells apart": fed(SCHEMA, RECORD),
    "an id that is none": fed(SCHEMA, record("calls", userId="undefined", event="Ordered")),
    "aliases to Moesif": to_moesif(
        SCHEMA, record("calls", type="alias", userId="u"), answer=lambda _: Reply(201)
    ),
    "a visitor to Moesif": to_moesif(
        SCHEMA, record("calls", type="identify", anonymousId="a"), answer=lambda _: Reply(201)
    ),
    "a flattened path": fed(
        schema("crm", "user__id"), streams={"crm": {"call": "identify", "user_id": "user.id"}}
    ),
    "no id of a user": fed(schema("crm", "id"), streams={"crm": {"call": "identify"}}),
    "no id of a user, which is skipped": fed(
        schema("crm", "id"), streams={"crm": {"call": "identify", "without_id": "skip"}}
    ),
    "a literal event": fed(
        schema("crm", "id"), streams={"crm": {"call": "track", "user_id": "id", "event": "Ordered"}}
    ),
    "a byte order mark": fed(
        schema("crm", "\ufeffid"), streams={"crm": {"call": "identify", "user_id": "id"}}
    ),
    "a trait that is not there": fed(
        schema("crm", "id"), streams={"crm": {"call": "identify", "traits": ["bio"]}}
    ),
    "an object that was flattened": fed(
        schema("crm", "id", "ctx__ip"), streams={"crm": {"call": "identify", "context": "ctx"}}
    ),
    "a separator that cannot be undone": fed(
        schema("users", "id", "company_id", "context_ip", mark="users")
    ),
    "companies without their users": fed(COMPANIES, company_groups=True),
    "Moesif's other streams": fed(COMPANIES, SUBSCRIPTIONS, COHORTS),
    "cohorts to Moesif": to_moesif(COHORTS, answer=lambda _: Reply(201)),
    "a path that is not there": fed(schema("crm", "email"), streams=CRM),
    "calls that come twice": fed(
        table("tracks"), table("ordered"), streams={"*": {"as": "segment.warehouse"}}
    ),
    "values of several types": to_moesif(SEVERAL_TYPES, answer=lambda _: Reply(201)),
}
