"""The sandbox's page: what both services hold and received, and what can be done to them.

Rendered whole from what is there and from the view that its address names. The page's script asks
for it again and puts in what has changed; without the script, links and forms work all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from moesif_sandbox import page_chart, page_switches
from moesif_sandbox.markup import Markup, joined, tag
from moesif_sandbox.page_lists import panels
from moesif_sandbox.page_panels import panel
from moesif_sandbox.page_rows import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from moesif_sandbox.faults import FaultPlan
    from moesif_sandbox.page_view import View
    from moesif_sandbox.request_log import RequestLog
    from moesif_sandbox.store import Store

CHANGED_USERS = 25
MOST_CHANGED_USERS = 10_000
_EMPTY = {
    "segment": "Nothing yet: start a run.",
    "requests": "Nothing yet: start a run.",
    "collector": "Nothing yet. What writes: .venv/bin/meltano run tap-moesif target-moesif",
}


class Done(NamedTuple):
    """Something that was done on the page: its number, when, and what."""

    number: int
    at: str
    text: str


@dataclass(frozen=True)
class Snapshot:
    """What there is to show.

    Args:
        store: What Moesif holds, and what both services were sent.
        log: The requests to them.
        faults: What is to go wrong.
        now: The time by the sandbox's clock.
        done: What was done on the page, newest first.
        commands: How a run is started, by what starts it; the first is what we would take.
    """

    store: Store
    log: RequestLog
    faults: FaultPlan
    now: datetime
    done: Sequence[Done]
    commands: Sequence[tuple[str, str]]


def document(snapshot: Snapshot, view: View) -> str:
    """Return the whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", "moesif-sandbox"),
        tag("link", rel="icon", href="/page/icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="/page/page.css"),
        tag("script", src="/page/page.js", defer=True),
    )
    body = tag(
        "body",
        _banner(),
        main(snapshot, view),
        tag("p", role="status", id="said", class_="unseen"),
    )
    return f"<!doctype html>{tag('html', head, body, lang='en')}"


def main(snapshot: Snapshot, view: View) -> Markup:
    """Return what changes as things happen."""
    lists = panels(snapshot.store, snapshot.log)
    counts = snapshot.store.segment
    messages = counted(len(counts.accepted), "message")
    said = f"Segment has {messages}, {len(counts.discarded):,} dropped."
    return tag(
        "main",
        _flow(snapshot),
        page_chart.chart(snapshot.log.throughput, int(snapshot.now.timestamp()), view),
        _controls(snapshot, view),
        *(panel(shown, view, _EMPTY) for shown in lists),
        data_said=said,
    )


def _banner() -> Markup:
    return tag(
        "header",
        tag("img", src="/page/icon.svg", alt="", width=32, height=32),
        tag("h1", "moesif-sandbox"),
        tag(
            "p",
            "Moesif and Segment on this machine. No account, and nothing leaves it. Times are UTC.",
        ),
        tag("span", "as of loading", id="live", role="status"),
        class_="banner",
    )


def _flow(snapshot: Snapshot) -> Markup:
    """Return the way the data go, with how much is at either end."""
    held, segment = snapshot.store.counts(), snapshot.store.segment
    accepted = snapshot.store.collector.accepted
    moesif = [
        (held["users"], "users"),
        (held["companies"], "companies"),
        (held["events"], "events"),
    ]
    received = [
        (len(segment.accepted), "messages"),
        (len(segment.duplicates), "repeats dropped"),
        (len(segment.discarded), "discarded"),
    ]
    written = sum(map(len, accepted.values()))
    return tag(
        "section",
        _end("moesif", "Moesif", moesif, f"{counted(written, 'element')} written to its collector"),
        _arrow(),
        _run(snapshot.commands),
        _arrow(),
        _end("segment", "Segment", received, counted(segment.requests, "request")),
        class_="flow",
        aria_label="From Moesif to Segment",
    )


def _end(name: str, title: str, figures: Sequence[tuple[int, str]], below: str) -> Markup:
    terms = [tag("div", tag("dd", f"{count:,}"), tag("dt", label)) for count, label in figures]
    return tag(
        "div",
        tag("h2", title),
        tag("dl", *terms),
        tag("p", below),
        class_=f"panel end {name}",
    )


def _arrow() -> Markup:
    line = tag("path", d="M2 12h18M14 6l6 6-6 6")
    return tag("svg", line, viewBox="0 0 24 24", class_="arrow", aria_hidden="true")


def _run(commands: Sequence[tuple[str, str]]) -> Markup:
    (first, usual), *more = commands
    return tag(
        "div",
        tag("h2", "Start a run"),
        tag("p", first),
        _command(usual, "run"),
        *(
            tag("details", tag("summary", label), _command(command, f"run-{number}"))
            for number, (label, command) in enumerate(more)
        ),
        class_="panel run",
    )


def _command(command: str, name: str) -> Markup:
    return tag(
        "div",
        tag("pre", tag("code", command, id=name), tabindex="0", role="group", aria_label="Command"),
        tag("button", "Copy", type="button", class_="copy", data_copies=name),
        class_="command",
    )


def _controls(snapshot: Snapshot, view: View) -> Markup:
    return tag(
        "section",
        tag("header", tag("h2", "Make something happen", id="controls-title")),
        _change(view),
        _switches(snapshot, view),
        tag(
            "ol",
            *(
                tag("li", tag("time", done.at), f" {done.text}", data_key=done.number)
                for done in snapshot.done
            ),
            class_="done",
            role="log",
            aria_label="What was done here",
        ),
        class_="panel controls",
        data_key="controls",
        aria_labelledby="controls-title",
        tabindex="-1",
    )


def _change(view: View) -> Markup:
    number = tag(
        "input",
        type="number",
        name="users",
        id="users",
        value=CHANGED_USERS,
        min=1,
        max=MOST_CHANGED_USERS,
        required=True,
    )
    return _form(
        view.address("/page/touch"),
        tag("label", "Users to change", for_="users"),
        number,
        tag("button", "Change them in Moesif", class_="primary"),
        tag(
            "p",
            "The next run reads them, and who was active lately; Segment drops what is unchanged.",
        ),
        class_="change",
    )


def _switches(snapshot: Snapshot, view: View) -> Markup:
    service = view.choice("faults", page_switches.SERVICES)
    places = [
        tag(
            "a",
            label,
            href=view.address(faults=name),
            aria_current="true" if name == service else None,
        )
        for name, (label, _) in page_switches.SERVICES.items()
    ]
    others = page_switches.others(snapshot.faults, service)
    return joined(
        tag("h3", "Let it fail at", id="faults-title"),
        tag("nav", *places, class_="choices", aria_labelledby="faults-title"),
        tag(
            "ul",
            *(
                _switch(state, service, snapshot.now, view)
                for state in page_switches.states(snapshot.faults, service)
            ),
            class_="switches",
        ),
        tag(
            "div",
            _form(view.address("/page/clear"), tag("button", "Let everything work")),
            _form(view.address("/page/reset"), tag("button", "Reset the sandbox")),
            tag("span", f"{counted(others, 'fault')} elsewhere") if others else None,
            class_="more",
        ),
    )


def _switch(state: page_switches.State, service: str, now: datetime, view: View) -> Markup:
    label, effect = f"switch-{state.name}", f"effect-{state.name}"
    return tag(
        "li",
        _form(
            view.address("/page/switch"),
            tag("input", type="hidden", name="service", value=service),
            tag(
                "button",
                tag("span", class_="knob", aria_hidden="true"),
                tag("span", state.switch.label, id=label, class_="label"),
                name="switch",
                value=state.name,
                role="switch",
                aria_checked="false" if state.pending is None else "true",
                aria_labelledby=label,
                aria_describedby=effect,
            ),
            tag(
                "p",
                f"{state.switch.effect} ",
                tag("b", state.said(now)) if state.pending is not None else None,
                id=effect,
            ),
        ),
        data_key=f"{service}-{state.name}",
    )


def _form(action: str, *children: str | None, class_: str | None = None) -> Markup:
    return tag("form", *children, method="post", action=action, class_=class_)
