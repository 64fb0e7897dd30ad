"""The sandbox's page, as a newcomer uses it in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from playwright.sync_api import expect

import commands
from chromium import NoChromiumError, Visit, chromium, visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator, Page
    from tests.sandbox.conftest import Sandbox

pytestmark = [pytest.mark.readmes, pytest.mark.xdist_group("browser")]

FOCUSED = """() => {
  const focused = document.activeElement;
  return [focused.outerHTML, getComputedStyle(focused).outlineStyle];
}"""
CONTRASTS = Path(__file__).with_name("contrasts.js").read_text()


@pytest.fixture(scope="module")  # its event loop is in the way of other tests of asyncio
def browser() -> Iterator[Browser]:
    try:
        with chromium() as started:
            yield started
    except NoChromiumError as error:
        pytest.skip(str(error))


@pytest.fixture
def visited(browser: Browser, sandbox: Sandbox) -> Iterator[Visit]:
    """The page; nothing that is done on it may lead to a complaint or to another address."""
    with visit(browser, sandbox.url) as opened:
        yield opened
        opened.page.wait_for_load_state()
    assert opened.complaints == []
    assert {address.startswith(f"{sandbox.url}/") for address in opened.addresses} == {True}


@pytest.fixture
def page(visited: Visit) -> Page:
    return visited.page


def identify(user: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits}


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title)


def figure(page: Page, label: str) -> Locator:
    return page.locator(".end dl div", has_text=label).locator("dd")


def switch(page: Page, label: str) -> Locator:
    return page.get_by_role("switch", name=label)


def test_it_loads_without_a_complaint_and_asks_nobody_else(
    visited: Visit, sandbox: Sandbox
) -> None:
    expect(figure(visited.page, "users")).to_have_text("120")
    assert f"{sandbox.url}/page/page.css" in visited.addresses
    assert visited.page.evaluate("getComputedStyle(document.body).margin") != "8px"


def sync(sandbox: Sandbox, folder: Path) -> None:
    """Run both connectors on a sandbox, from where the last run in this folder ended."""
    state = folder / "state.json"
    if not state.exists():
        state.write_text("{}")
    moesif = {"api_url": f"{sandbox.url}/moesif/api/v1", "lookback_minutes": 0,
              "management_api_key": "sandbox-management-key"}  # fmt: skip
    segment = {"host": f"{sandbox.url}/segment", "write_key": "sandbox-write-key"}
    read = commands.run("tap-moesif", folder, moesif, "--state", "state.json")
    written = commands.run("target-segment", folder, segment, lines=read.lines)
    assert (read.code, written.code) == (0, 0), read.stderr + written.stderr
    state.write_text(written.lines[-1])


def test_runs_appear_and_the_second_brings_what_a_button_has_changed(
    page: Page, sandbox: Sandbox, tmp_path: Path
) -> None:
    page.evaluate("window.sameDocument = true")
    sync(sandbox, tmp_path)
    expect(figure(page, "messages")).to_have_text("120")
    expect(panel(page, "Segment received").locator("li")).to_have_count(15)
    expect(panel(page, "Requests").locator("li").first).to_contain_text("/segment/v1/batch")
    chart = panel(page, "Throughput")
    expect(chart.get_by_role("img", name="Received by Segment: 120")).to_be_visible()
    page.get_by_label("Users to change").fill("7")
    page.get_by_role("button", name="Change them in Moesif").click()
    expect(page.get_by_role("log")).to_contain_text("7 users changed in Moesif")
    changed = panel(page, "Moesif holds").locator("li .title").all_inner_texts()[:7]
    sync(sandbox, tmp_path)
    expect(figure(page, "messages")).to_have_text("127")
    arrived = panel(page, "Segment received").locator("li .title").all_inner_texts()[:7]
    assert sorted(arrived) == sorted(changed)
    assert page.evaluate("window.sameDocument")


def test_what_is_shown_is_what_a_reload_would_show(
    page: Page, sandbox: Sandbox, browser: Browser
) -> None:
    for number in range(2):
        sandbox.batch(*(identify(f"u{number}-{part}") for part in range(5)))
        expect(figure(page, "messages")).to_have_text(str(5 * number + 5))
    lines = panel(page, "Segment received").locator("li .title")
    with visit(browser, sandbox.url) as again:
        expected = panel(again.page, "Segment received").locator("li .title").all_inner_texts()
    assert lines.all_inner_texts() == expected
    assert expected[:2] == ["u1-4", "u1-3"]


def test_a_message_unfolds_and_stays_so_while_others_arrive(page: Page, sandbox: Sandbox) -> None:
    sandbox.batch(identify("kept", plan="paid"))
    line = panel(page, "Segment received").locator("li", has_text="kept")
    line.locator("summary").click()
    expect(line.locator("pre")).to_contain_text('"plan": "paid"')
    sandbox.batch(identify("next"))
    expect(figure(page, "messages")).to_have_text("2")
    expect(line.locator("pre")).to_be_visible()
    line.locator("pre").focus()
    sandbox.batch(*(identify(f"later-{number}") for number in range(40)))
    expect(figure(page, "messages")).to_have_text("42")
    expect(line.locator("pre")).to_be_focused()
    expect(panel(page, "Segment received").locator("li")).to_have_count(16)
    line.locator("summary").click()
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Copy").first.focus()
    sandbox.batch(identify("last"))
    expect(panel(page, "Segment received").locator("li")).to_have_count(15)


def test_a_user_that_is_unfolded_is_shown_as_it_is_now(page: Page, sandbox: Sandbox) -> None:
    sandbox.put(
        users=[{"user_id": "u", "name": "Only one", "metadata": {"plan": "free"}}], replace=True
    )
    line = panel(page, "Moesif holds").locator("li", has_text="Only one")
    line.locator("summary").click()
    expect(line.locator("pre")).to_contain_text('"plan": "free"')
    sandbox.put(users=[{"user_id": "u", "name": "Only one", "metadata": {"plan": "paid"}}])
    expect(line.locator("pre")).to_contain_text('"plan": "paid"')


def test_a_user_that_is_changed_moves_to_the_top(page: Page, sandbox: Sandbox) -> None:
    users = [{"user_id": name, "modified_time": f"2026-03-10T10:00:0{age}"}
             for age, name in enumerate("abcd")]  # fmt: skip
    sandbox.put(users=users, replace=True)
    titles = panel(page, "Moesif holds").locator("li .title")
    expect(titles).to_have_text(["d", "c", "b", "a"])
    page.evaluate("document.querySelectorAll('.moesif li').forEach((line) => (line.kept = true))")
    sandbox.put(users=[{"user_id": "b", "modified_time": "2026-03-10T11:00:00"}])
    expect(titles).to_have_text(["b", "d", "c", "a"])
    kept = "[...document.querySelectorAll('.moesif li')].map((line) => line.kept)"
    assert page.evaluate(kept) == [True] * 4


def test_markup_in_a_name_is_shown_as_text(page: Page, sandbox: Sandbox) -> None:
    name = '<img src=x onerror="document.title=1"></bdi></details><b>Zoë</b> & "co"'
    sandbox.put(users=[{"user_id": "u<i>1", "name": name, "email": "<u>e"}], replace=True)
    sandbox.batch(identify("u<i>1", name=name))
    for title in ("Moesif holds", "Segment received"):
        line = panel(page, title).locator("li", has_text="u<i>1")
        expect(line.locator(".title")).to_have_text(name)
        line.locator("summary").click()
        expect(line.locator("pre")).to_contain_text(json.dumps(name, ensure_ascii=False))
    assert page.locator(".lines").locator("img, i, u, b").count() == 0


def test_a_rate_limit_that_is_switched_on_is_seen_to_be_over(page: Page, sandbox: Sandbox) -> None:
    limit = switch(page, "429 for 10 s")
    limit.click()
    expect(limit).to_be_checked()
    sandbox.shift_clock(-3_600)  # however slow this machine is, it is not over yet
    assert sandbox.batch(identify("u")).status_code == 429
    expect(panel(page, "Throughput")).to_contain_text("1 request failed")
    expect(panel(page, "Requests").locator("li .mark").first).to_have_text("429")
    sandbox.shift_clock(10)
    expect(limit).not_to_be_checked()
    assert sandbox.batch(identify("u")).status_code == 200
    expect(panel(page, "Requests").locator("li .mark").first).to_have_text("200")


def test_lost_answers_lead_to_repeats_that_are_dropped(page: Page, sandbox: Sandbox) -> None:
    switch(page, "3 lost answers").click()
    expect(page.get_by_text("on, 3 left")).to_be_visible()
    for left in ("on, 2 left, 1 request hit", "on, 1 left, 2 requests hit"):
        with pytest.raises(requests.ConnectionError):
            sandbox.batch({**identify("u"), "messageId": "m"})
        expect(page.get_by_text(left)).to_be_visible()
    with pytest.raises(requests.ConnectionError):
        sandbox.batch({**identify("u"), "messageId": "m"})
    expect(switch(page, "3 lost answers")).not_to_be_checked()
    expect(figure(page, "repeats dropped")).to_have_text("2")
    expect(figure(page, "messages")).to_have_text("1")


def test_the_command_can_be_copied(browser: Browser, sandbox: Sandbox) -> None:
    with visit(browser, sandbox.url, permissions=["clipboard-read", "clipboard-write"]) as visited:
        page = visited.page
        page.get_by_role("button", name="Copy").first.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("\n.venv/bin/meltano run moesif-to-segment")


def test_a_list_is_leafed_through_while_messages_arrive(page: Page, sandbox: Sandbox) -> None:
    sandbox.batch(*(identify(f"u{number:03}") for number in range(100)))
    page.evaluate("window.sameDocument = true")
    received = panel(page, "Segment received")
    titles = received.locator("li .title")
    expect(titles.first).to_have_text("u099")
    received.get_by_role("link", name="Older").click()
    expect(titles.first).to_have_text("u084")
    sandbox.batch(identify("new"))
    expect(figure(page, "messages")).to_have_text("101")
    expect(titles.first).to_have_text("u084")
    assert page.evaluate("window.sameDocument")
    page.reload()
    expect(titles.first).to_have_text("u084")
    received.get_by_role("link", name="Newest").click()
    expect(titles.first).to_have_text("new")


def test_a_page_that_is_left_open_stays_small_and_rests_when_hidden(
    visited: Visit, sandbox: Sandbox
) -> None:
    page, sizes = visited.page, []
    for number in range(1, 4):
        for request in range(20):
            sandbox.batch(*(identify(f"{number}-{request}-{part}") for part in range(20)))
        expect(figure(page, "messages")).to_have_text(f"{number * 400:,}")
        sizes.append(page.evaluate("document.querySelectorAll('*').length"))
    assert max(sizes) - min(sizes) < 5
    page.clock.install()
    page.clock.run_for(3_000)
    hidden = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    changes = "document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(hidden % "true" + changes)
    with page.expect_response(f"{sandbox.url}/"):  # of what was under way when it was hidden
        page.locator(".change").evaluate("form => form.requestSubmit()")
    page.evaluate("fetch('/page/icon.svg').then((answer) => answer.text())")  # by then it is shown
    asked = len(visited.addresses)
    page.clock.run_for(3_600_000)
    assert len(visited.addresses) == asked
    with page.expect_request(f"{sandbox.url}/"):
        page.evaluate(hidden % "false" + changes)


def test_a_sandbox_that_has_ended_is_said_so_and_found_again(
    browser: Browser, start: Callable[..., Sandbox]
) -> None:
    sandbox = start("--users", "1")
    with visit(browser, sandbox.url) as visited:
        visited.page.context.set_offline(True)
        expect(visited.page.locator("#live")).to_have_text("no response from the sandbox")
        visited.page.context.set_offline(False)
        expect(visited.page.locator("#live")).to_have_text("live")


def test_nothing_overflows_sideways(page: Page, sandbox: Sandbox) -> None:
    sandbox.put(users=[{"user_id": "u" * 300, "name": "W" * 300}])
    sandbox.batch(identify("x" * 500, name="y" * 90), {"type": "track", "event": "z" * 400})
    page.locator(".segment .lines summary").first.click()
    expect(page.locator(".segment .lines pre")).to_be_visible()
    page.get_by_text("Without Meltano").click()
    for width in (320, 360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_all_can_be_reached_and_worked_by_keyboard(page: Page, sandbox: Sandbox) -> None:
    sandbox.batch(*(identify(f"u{number}") for number in range(40)))
    expect(panel(page, "Segment received").locator("li")).to_have_count(15)
    controls = page.locator("a[href]:visible, button:visible, input:visible, summary:visible")
    expected = controls.evaluate_all("found => found.map(e => e.outerHTML)")
    reached = []
    for _ in range(len(expected) + 3):  # the commands to copy can be scrolled, so they are in too
        page.keyboard.press("Tab")
        focused, outline = page.evaluate(FOCUSED)
        assert focused.startswith("<body") or outline != "none", focused
        reached.append(focused)
    assert len(expected) > 60
    assert {*expected} <= {*reached}


def test_keys_work_switches_links_and_lines(page: Page, sandbox: Sandbox) -> None:
    sandbox.batch(*(identify(f"u{number}") for number in range(40)))
    outage = switch(page, "503")
    outage.focus()
    page.keyboard.press("Space")
    expect(outage).to_be_checked()
    expect(outage).to_be_focused()
    page.get_by_role("button", name="Switch all faults off").focus()
    page.keyboard.press("Enter")
    expect(outage).not_to_be_checked()
    line = panel(page, "Segment received").locator("summary").first
    line.focus()
    page.keyboard.press("Enter")
    expect(panel(page, "Segment received").locator("pre").first).to_be_visible()
    older = panel(page, "Segment received").get_by_role("link", name="Older")
    for newest in ("u24", "u9"):
        older.focus()
        page.keyboard.press("Enter")
        expect(panel(page, "Segment received").locator("li .title").first).to_have_text(newest)
    expect(panel(page, "Segment received")).to_be_focused()  # there is no older part to go on to


def test_everything_has_a_name_that_can_be_read_aloud(page: Page) -> None:
    for role in ("button", "link", "switch", "spinbutton", "img", "region", "navigation"):
        for element in page.get_by_role(role).all():
            assert element.aria_snapshot().split(" ", 2)[2:], element.evaluate("e => e.outerHTML")


def test_the_sum_of_a_run_is_announced_once_it_is_over(page: Page, sandbox: Sandbox) -> None:
    sandbox.batch(identify("u"))
    expect(page.locator("#said")).to_have_text("Segment has 1 message, 0 dropped.")


def test_text_stands_out_in_either_scheme(browser: Browser, sandbox: Sandbox) -> None:
    sandbox.batch(identify("u"), {"type": "identify"})
    with visit(browser, sandbox.url, reduced_motion="reduce") as visited:
        visited.page.emulate_media(color_scheme="light")
        light = visited.page.evaluate(CONTRASTS)
        visited.page.emulate_media(color_scheme="dark")
        dark = visited.page.evaluate(CONTRASTS)
    assert len(light) > 5
    assert light != dark
    assert min(*light.values(), *dark.values()) >= 4.5, (
        light,
        dark,
    )  # WCAG 2.2, 'Contrast (Minimum)'


def test_without_its_script_it_can_be_read_and_worked_all_the_same(
    browser: Browser, sandbox: Sandbox
) -> None:
    sandbox.batch(*(identify(f"u{number}") for number in range(20)))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(sandbox.url)
    panel(page, "Segment received").get_by_role("link", name="Older").click()
    expect(panel(page, "Segment received").locator("li .title").first).to_have_text("u4")
    switch(page, "503").click()
    expect(switch(page, "503")).to_be_checked()
    expect(panel(page, "Segment received").locator("li .title").first).to_have_text("u4")
    page.get_by_role("button", name="Change them in Moesif").click()
    expect(page.get_by_role("log")).to_contain_text("25 users changed in Moesif")
    context.close()
