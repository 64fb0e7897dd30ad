"""The page's chart: what each service gave or took over time, and where requests failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from moesif_sandbox.markup import Markup, tag
from moesif_sandbox.page_rows import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moesif_sandbox.page_view import View
    from moesif_sandbox.throughput import Bar, Throughput

BARS = 120
_HEIGHT = 40
_TICK = 3  # the height of the mark of a failed request
_GAP = 0.2  # between bars, of the width of one


class Span(NamedTuple):
    """How much time the chart shows, and how many seconds a bar stands for."""

    label: str
    width: int


class Lane(NamedTuple):
    """One service's part of the chart."""

    service: str
    title: str
    unit: str


SPANS: Mapping[str, Span] = {
    "2m": Span("2 minutes", 1),
    "10m": Span("10 minutes", 5),
    "1h": Span("1 hour", 30),
}
LANES = (
    Lane("moesif", "Read from Moesif", "records"),
    Lane("segment", "Received by Segment", "messages"),
    Lane("collector", "Received by Moesif’s collector", "elements"),  # noqa: RUF001
)


def chart(throughput: Throughput, now: int, view: View) -> Markup:
    """Return the chart, as a section of the page."""
    chosen = view.choice("span", SPANS)
    span = SPANS[chosen]
    choices = [
        tag(
            "a",
            choice.label,
            href=view.address(span=name),
            aria_current="true" if name == chosen else None,
        )
        for name, choice in SPANS.items()
    ]
    lanes = [
        _lane(lane, throughput.bars(lane.service, now, span.width, BARS), span) for lane in LANES
    ]
    return tag(
        "section",
        tag(
            "header",
            tag("h2", "Throughput", id="chart-title"),
            tag("nav", *choices, class_="choices", aria_label="Time that the chart spans"),
        ),
        *lanes,
        tag("p", tag("span", f"{span.label} ago"), tag("span", "now"), class_="axis"),
        class_="panel chart",
        data_key="chart",
        aria_labelledby="chart-title",
        tabindex="-1",
    )


def _lane(lane: Lane, bars: Sequence[Bar], span: Span) -> Markup:
    records, failed = sum(bar.records for bar in bars), sum(bar.failed for bar in bars)
    most = max(bar.records for bar in bars)
    peak = most / span.width
    facts = [
        tag("span", tag("b", f"{records:,}"), f" {lane.unit}"),
        tag("span", "peak ", tag("b", f"{peak:,.0f}"), " a second"),
    ]
    said = f"{lane.title}: {records:,} {lane.unit} in {span.label}, at most {peak:,.0f} a second"
    if failed:
        failures = f"{counted(failed, 'request')} failed"
        facts.append(tag("span", failures, class_="failed"))
        said += f"; {failures}"
    drawing = tag(
        "svg",
        tag("path", class_="trouble", d=_columns(bars, _HEIGHT, 0.0)),
        tag("path", class_="bars", d=_heights([bar.records for bar in bars], most)),
        tag("path", class_="ticks", d=_columns(bars, _TICK, _GAP)),
        viewBox=f"0 0 {BARS} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=said,
    )
    return tag(
        "div",
        tag("h3", lane.title),
        tag("p", *facts, class_="facts"),
        drawing,
        class_=f"lane {lane.service}",
    )


def _heights(values: Sequence[int], most: int) -> str:
    """Return the path of bars that are as high as their values, the highest as the drawing."""
    return "".join(
        f"M{place} {_HEIGHT}v-{max(value / most * _HEIGHT, 1):.1f}h{1 - _GAP}V{_HEIGHT}z"
        for place, value in enumerate(values)
        if value
    )


def _columns(bars: Sequence[Bar], height: int, gap: float) -> str:
    """Return the path of columns of one height, where requests failed."""
    return "".join(
        f"M{place} {_HEIGHT}v-{height}h{1 - gap}V{_HEIGHT}z"
        for place, bar in enumerate(bars)
        if bar.failed
    )
