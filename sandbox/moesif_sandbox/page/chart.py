"""The page's chart: records and failed requests of each service over time."""

from collections.abc import Iterable, Iterator, Mapping

from moesif_sandbox.page.view import counted
from moesif_sandbox.traffic import RequestLog

BARS = 120
HEIGHT = 40
_TICK = 3  # the height of the mark of a failed request
_GAP = 0.2  # between bars, of the width of one

SPANS = {"2m": ("2 minutes", 1), "10m": ("10 minutes", 5), "1h": ("1 hour", 30)}  # seconds a bar
_LANES = {
    "moesif": ("Read from Moesif", "records"),
    "segment": ("Received by Segment", "messages"),
    "collector": ("Received by Moesif’s collector", "elements"),  # noqa: RUF001
}


def lanes(log: RequestLog, now: int, chosen: str) -> Iterator[Mapping[str, object]]:
    """Yield each service's figures and SVG paths, for the chosen time span."""
    label, width = SPANS[chosen]
    for service, (title, unit) in _LANES.items():
        bars = log.bars(service, now, width, BARS)
        records, failed = sum(bar.records for bar in bars), sum(bar.failed for bar in bars)
        most = max(bar.records for bar in bars)
        peak = f"{most / width:,.0f}"
        failures = f"{counted(failed, 'request')} failed" if failed else ""
        said = f"{title}: {records:,} {unit} in {label}, at most {peak} a second"
        heights = {
            place: f"{max(bar.records / most * HEIGHT, 1):.1f}"
            for place, bar in enumerate(bars)
            if bar.records
        }
        trouble = [place for place, bar in enumerate(bars) if bar.failed]
        yield {
            "service": service, "title": title, "unit": unit, "records": records, "peak": peak,
            "failures": failures, "said": f"{said}; {failures}" if failures else said,
            "trouble": _path(dict.fromkeys(trouble, HEIGHT).items(), 1.0),
            "bars": _path(heights.items(), 1 - _GAP),
            "ticks": _path(dict.fromkeys(trouble, _TICK).items(), 1 - _GAP),
        }  # fmt: skip


def _path(heights: Iterable[tuple[int, object]], width: float) -> str:
    """Return the SVG path of columns, from their places and heights."""
    return "".join(f"M{place} {HEIGHT}v-{height}h{width}V{HEIGHT}z" for place, height in heights)
