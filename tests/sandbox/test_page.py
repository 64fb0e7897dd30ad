"""The sandbox's page over HTTP: what it holds, how much of it, and who may speak to it."""

from __future__ import annotations

import re
import subprocess
import time
from html import unescape
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
import yaml

from commands import COMMANDS
from moesif_sandbox.page.view import View, runs
from moesif_sandbox.settings import Settings
from moesif_sandbox.web import is_local
from project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.slow

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def page(sandbox: Sandbox, **view: str) -> str:
    answer = sandbox.get("/", params=view)
    assert answer.status_code == 200, answer.text
    return answer.text


def titles(html: str, panel: str) -> list[str]:
    [section] = re.findall(rf'<section class="panel list {panel}".*?</section>', html, re.DOTALL)
    return [unescape(title) for title in re.findall(r'class="title">(.*?)</bdi>', section)]


def identify(user: str, **fields: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, **fields}


def test_a_view_takes_what_it_knows_and_keeps_the_rest_in_the_address() -> None:
    view = View({"segment": "nonsense", "segment-before": "-5", "span": "1h"})
    assert view.choice("segment", ["accepted", "repeats"]) == "accepted"
    assert view.choice("span", ["2m", "1h"]) == "1h"
    assert view.number("segment-before") is None
    assert View({"n": "9" * 10}).number("n") is None
    assert View({"n": "²"}).number("n") is None
    assert View({"span": "1h"}).address(span=None) == "/"
    assert View({"span": "1h"}).address("/page/touch", a="ü&") == "/page/touch?span=1h&a=%C3%BC%26"


# Who may speak to it -------------------------------------------------------------------------

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost.evil.example"},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example:8700", "Origin": "http://127.0.0.1.evil.example:8700"},
]
CHANGES = [
    ("/page/touch", "users=5", FORM),
    ("/page/switch", "switch=outage&service=segment", FORM),
    ("/page/clear", "", FORM),
    ("/page/reset", "", FORM),
    ("/sandbox/touch", '{"users": 5}', {"Content-Type": "text/plain"}),
    ("/sandbox/reset", "", {"Content-Type": "text/plain"}),
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(("path", "body", "kind"), CHANGES, ids=[path for path, *_ in CHANGES])
def test_another_website_can_change_nothing(
    sandbox: Sandbox, path: str, body: str, kind: dict[str, str], headers: dict[str, str]
) -> None:
    sandbox.batch(identify("u"))
    url = sandbox.url + path
    answer = sandbox.session.post(url, data=body, headers={**kind, **headers}, timeout=10)
    assert answer.status_code == 403
    assert sandbox.get("/sandbox/faults").json() == []
    assert sandbox.segment()["counts"]["accepted"] == 1
    assert "touches" not in str(sandbox.found("users", "user_000000"))


@pytest.mark.parametrize("path", ["/", "/page/page.js", "/sandbox/segment"])
def test_another_name_for_this_address_shows_nothing(sandbox: Sandbox, path: str) -> None:
    answer = sandbox.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, "identify" in answer.text) == (403, False)


@pytest.mark.parametrize(
    ("host", "origin", "local"),
    [
        ("127.0.0.1:8700", None, True),
        ("localhost", "http://localhost", True),
        ("[::1]:8700", "http://[::1]:8700", True),
        ("127.0.0.1:8700", "http://localhost:8700", False),
        ("127.0.0.1:8700", "https://127.0.0.1:8700", False),
        ("", None, False),
        (None, None, True),
        (None, "http://", False),
        ("127.0.0.1:8700.evil.example", None, False),
        ("127.0.0.1\n", None, False),
    ],
)
def test_a_request_is_local_where_its_host_and_its_origin_are(
    host: str | None, origin: str | None, local: bool
) -> None:
    assert is_local(host, origin) is local


@pytest.mark.parametrize("path", ["/", "/page/page.css", "/page/page.js", "/page/icon.svg"])
def test_a_browser_is_told_to_load_and_run_nothing_else(sandbox: Sandbox, path: str) -> None:
    answer = sandbox.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(
        r"""<script>|\son\w+=|\sstyle=|javascript:|https?://(?!127|www\.w3)""", answer.text
    )


# What it holds -------------------------------------------------------------------------------


def test_every_list_shows_what_it_is_called(sandbox: Sandbox) -> None:
    track = {"type": "track", "userId": "u", "event": "Signed <Up>"}
    sandbox.batch(identify("kept", messageId="m", traits={"name": "Zoë"}))
    sandbox.batch(identify("again", messageId="m"), track, {"type": "identify"}, 5)
    sandbox.session.post(f"{sandbox.url}/segment/v1/batch", data="{", timeout=10)
    sandbox.write("users/batch", [{"user_id": "w", "metadata": {"name": "Written"}}])
    sandbox.write("companies", {"company_id": "c", "company_domain": "acme.example"})
    sandbox.write("actions", {"action_name": "A", "request": {}})
    lists = {
        "segment": {
            "accepted": ["Signed <Up>", "Zoë"],
            "repeats": ["again"],
            "discarded": ["5", '{"type":"identify"}'],
            "refused": ["the body must be JSON or its gzip, but is [] [identity]"],
        },
        "collector": {
            "users": ["Written"],
            "companies": ["acme.example"],
            "refused": ["missing_field"],
        },
    }
    for panel, kinds in lists.items():
        for kind, expected in kinds.items():
            assert titles(page(sandbox, **{panel: kind}), panel) == expected


def test_an_hour_of_usage_shows_whose_it_is_when_it_ended_and_how_many_calls_it_had(
    sandbox: Sandbox,
) -> None:
    hour = {"endTime": "2026-03-10T12:00:00.000Z", "count": 4711}
    sandbox.batch({"type": "track", "userId": "zoe", "event": "API Usage", "properties": hour})

    assert titles(page(sandbox), "segment") == ["API Usage"]
    assert all(text in page(sandbox) for text in ("zoe", "2026-03-10T12:00:00.000Z", "4711"))


@pytest.mark.parametrize("value", [None, 5, 1e300, True, "", [], {}, [{"a": None}], "1" * 500])
def test_fields_of_any_type_are_shown(sandbox: Sandbox, value: object) -> None:
    odd = dict.fromkeys(("name", "email", "company", "modified_time", "company_id"), value)
    sandbox.put(users=[{"_id": "odd", **odd}], companies=[{"_id": "odd", **odd}], replace=True)
    sandbox.batch(dict.fromkeys(("type", "userId", "traits", "event", "messageId"), value))
    for moesif in ("users", "companies"):
        assert len(titles(page(sandbox, moesif=moesif, segment="discarded"), "moesif")) == 1


def test_profiles_stand_in_the_order_of_their_changes(sandbox: Sandbox) -> None:
    users = [
        {"user_id": "old", "modified_time": "2026-03-10T10:00:00"},
        {"user_id": "never"},
        {"user_id": "new", "modified_time": "2026-03-10T11:30:00+01:00"},
    ]
    sandbox.put(users=users, replace=True)
    assert titles(page(sandbox), "moesif") == ["new", "old", "never"]
    sandbox.touch(users=3)
    assert set(titles(page(sandbox), "moesif")) == {"old", "never", "new"}


def test_a_request_tells_its_status_its_size_and_its_time(sandbox: Sandbox) -> None:
    sandbox.batch(identify("u"), identify("v"))
    assert re.search(
        r'"mark">200</span><bdi class="title">POST /segment/v1/batch</bdi><span class="facts">'
        r"<bdi>2 records</bdi> · <bdi>\d+ ms</bdi> · <bdi>\d+ B in</bdi> · <bdi>16 B out</bdi>",
        page(sandbox),
    )


@pytest.mark.parametrize("user", ["u/1", "ü ?&#%2F", "..", "<b>"])
def test_the_whole_of_a_line_is_at_the_address_it_names(sandbox: Sandbox, user: str) -> None:
    sandbox.put(users=[{"user_id": user, "metadata": {"a": user}}], replace=True)
    sandbox.batch(identify(user))
    contents = [
        sandbox.get(unescape(address)).json()
        for address in re.findall(r'data-from="(.*?)"', page(sandbox))
    ]
    assert contents[0]["userId"] == user
    assert contents[1]["path"] == "/segment/v1/batch"
    assert contents[2] == {"user_id": user, "metadata": {"a": user}}


@pytest.mark.parametrize(
    "address",
    ["segment/accepted?key=0", "segment/accepted", "segment/accepted?key=-1", "requests/all?key=7",
     "requests/all?key=²", "moesif/users?key=nobody", "nothing/users?key=0"],
)  # fmt: skip
def test_what_is_not_there_is_a_404(sandbox: Sandbox, address: str) -> None:
    assert sandbox.get(f"/page/content/{address}").status_code == 404


def test_a_part_of_a_list_stays_the_same_while_it_grows(sandbox: Sandbox) -> None:
    sandbox.batch(*(identify(f"u{number}") for number in range(40)))
    parts = []
    before: str | None = None
    while before != "0":
        html = page(sandbox, **({} if before is None else {"segment-before": before}))
        parts += titles(html, "segment")
        before = str(40 - len(parts))
        sandbox.batch(identify("later"))
    assert parts == [f"u{number}" for number in reversed(range(40))]
    assert titles(page(sandbox, **{"segment-before": "999999"}), "segment")[0] == "later"


# What it does --------------------------------------------------------------------------------


def post(sandbox: Sandbox, path: str, **fields: object) -> Any:
    return sandbox.session.post(
        f"{sandbox.url}/page/{path}", data=fields, timeout=10, allow_redirects=False
    )


@pytest.mark.parametrize("users", ["", "0", "-1", "x", "10001", "²", "5.5"])
def test_a_number_of_users_that_makes_no_sense_changes_none(sandbox: Sandbox, users: str) -> None:
    assert post(sandbox, "touch", users=users).status_code == 400


@pytest.mark.parametrize(
    ("switch", "service"),
    [("", ""), ("outage", "mars"), ("explode", "segment"), ("poison", "moesif")],
)
def test_a_switch_that_does_not_exist_is_refused(
    sandbox: Sandbox, switch: str, service: str
) -> None:
    assert post(sandbox, "switch", switch=switch, service=service).status_code == 400
    assert sandbox.get("/sandbox/faults").json() == []


def test_a_deed_leads_back_to_the_view_it_was_done_in(sandbox: Sandbox) -> None:
    answer = post(sandbox, "touch?segment=repeats&span=1h", users=5)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?segment=repeats&span=1h")
    assert "5 users changed in Moesif" in page(sandbox)


@pytest.mark.parametrize(
    ("service", "path"),
    [("segment", "/segment/v1/batch"), ("collector", "/moesif/collector/v1/users"),
     ("moesif", "/moesif/api/v1/search/~/search/users")],
)  # fmt: skip
def test_a_switch_is_for_one_service_and_goes_off_again(
    sandbox: Sandbox, service: str, path: str
) -> None:
    for status in (503, None):
        post(sandbox, "switch", switch="outage", service=service)
        answer = sandbox.session.post(sandbox.url + path, json={}, timeout=10)
        assert (answer.status_code == 503) is (status == 503)
        others = {"/segment/v1/batch", "/moesif/collector/v1/users"} - {path}
        for other in others:
            assert sandbox.session.post(sandbox.url + other, json={}, timeout=10).status_code != 503


def test_poison_changes_a_user_and_refuses_what_holds_its_id(sandbox: Sandbox) -> None:
    post(sandbox, "switch", switch="poison", service="segment")
    [first] = [fault["containing"] for fault in sandbox.get("/sandbox/faults").json()]
    user = first.strip('"')
    assert "touches" in sandbox.found("users", user)["metadata"]
    assert sandbox.batch(identify(user)).status_code == 400
    assert sandbox.batch(identify(f"{user}0")).status_code == 200


def test_where_there_is_no_user_none_is_poisoned(sandbox: Sandbox) -> None:
    sandbox.put(users=[], replace=True)
    post(sandbox, "switch", switch="poison", service="segment")
    assert sandbox.get("/sandbox/faults").json() == []
    assert "Moesif has no user to poison" in page(sandbox)


def test_a_reset_takes_everything_back(sandbox: Sandbox) -> None:
    sandbox.batch(identify("u"))
    post(sandbox, "switch", switch="outage", service="segment")
    assert post(sandbox, "reset").status_code == 303
    assert sandbox.segment()["counts"]["accepted"] == 0
    assert sandbox.get("/sandbox/faults").json() == []


# How a run is started ------------------------------------------------------------------------


def test_the_usual_sandbox_needs_no_settings_since_meltano_knows_it() -> None:
    [commands, _] = runs("http://127.0.0.1:8700", Settings()).values()
    assert commands == ".venv/bin/meltano install\n.venv/bin/meltano run moesif-to-segment"
    project = yaml.safe_load((PROJECT / "meltano.yml").read_text())
    assert "moesif-to-segment" in [job["name"] for job in project["jobs"]]
    [sandbox] = [part for part in project["environments"] if part["name"] == "sandbox"]
    assert "http://127.0.0.1:8700/segment" in str(sandbox)


def test_another_sandbox_says_where_it_is() -> None:
    [commands, _] = runs("http://127.0.0.1:9", Settings(write_key="it's")).values()
    assert "export TARGET_SEGMENT_HOST=http://127.0.0.1:9/segment\n" in commands
    assert """export TARGET_SEGMENT_WRITE_KEY='it'"'"'s'\n""" in commands
    assert commands.endswith(".venv/bin/meltano run moesif-to-segment")


def test_the_command_without_meltano_runs_as_it_is_shown(
    start: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = start("--users", "30", "--write-key", "it's", "--region", "eu")
    shown = unescape(re.findall(r'<code id="run-0">(.*?)</code>', page(sandbox), re.DOTALL)[0])
    assert shown == runs(sandbox.url, Settings(write_key="it's", region="eu"))["Without Meltano"]
    (tmp_path / ".venv").symlink_to(COMMANDS.parent)
    subprocess.run(["bash", "-euo", "pipefail", "-c", shown], cwd=tmp_path, check=True, timeout=60,
                   capture_output=True)  # fmt: skip
    assert sandbox.segment()["counts"] == {"accepted": 30, "discarded": 0, "duplicates": 0}


# How much it holds ---------------------------------------------------------------------------


def test_it_is_as_small_with_many_users_and_messages_as_with_few(
    start: Callable[..., Sandbox],
) -> None:
    sizes, seconds = [], []
    for users, batches in ((100, 20), (1_000, 40)):
        sandbox = start("--users", str(users), "--events-per-user", "0", "--companies", "9")
        for batch in range(batches):
            messages = [identify(f"{batch}-{number}") for number in range(100)]
            assert sandbox.batch(*messages).status_code == 200
        page(sandbox)
        began = time.perf_counter()
        sizes.append(len(page(sandbox, **{"segment-before": str(batches * 50)})))
        seconds.append(time.perf_counter() - began)
    assert sizes[1] < sizes[0] * 1.1
    assert seconds[1] < max(seconds[0] * 10, 0.5)


def test_its_files_are_in_the_wheel(tmp_path: Path) -> None:
    built = subprocess.run(
        [COMMANDS / "uv", "--quiet", "build", "--wheel", "--out-dir", tmp_path],
        cwd=PROJECT / "sandbox", capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    if built.returncode != 0:
        pytest.skip(f"no wheel can be built: {' '.join(built.stderr.split())}")
    [wheel] = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    page = {
        str(path.relative_to(PROJECT / "sandbox"))
        for folder in ("static", "templates")
        for path in (PROJECT / "sandbox" / "moesif_sandbox" / "page" / folder).iterdir()
    }
    assert len(page) == 8
    assert page <= {*names}
