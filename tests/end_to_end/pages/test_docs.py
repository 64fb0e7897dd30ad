"""What the operator's pages under `docs/` hold together, and their commands run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pages import blocks
from project import PROJECT
from singer_delivery.buckets.spool import PART_BYTES, STATE_SECONDS, UPLOAD_SECONDS
from singer_delivery.delivery import STOP_SECONDS
from singer_delivery.http.waits import BACKOFF_MAX_SECONDS, MAX_WAITING_SECONDS
from singer_delivery.sending.lanes import QUEUED_BATCHES
from singer_delivery.sending.refusals import ALIKE_REFUSALS
from singer_delivery.sending.retry import HALVED, NOT_RETRIED, RETRIED, UNREACHED_SECONDS
from tap_moesif.streams.base import STATE_EVERY_RECORDS
from target_segment import TargetSegment

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted((PROJECT / "docs").glob("*.md"))

RUN = {"failures.md", "schedule.md", "from-the-plugin.md"}
"""Pages whose commands a test runs, all of them."""


def anchors(page: Path) -> set[str]:
    """Give the names that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_heading_that_is_there(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text()):
        if path.startswith("https://"):
            continue
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


def test_commands_stand_only_where_they_are_run() -> None:
    """What only the operator can do, on a machine of theirs, is written as a `console` session."""
    with_commands = {page.name for page in PAGES if blocks(page, "sh")}
    assert with_commands == RUN


def test_the_numbers_of_buckets_are_the_codes() -> None:
    page = " ".join((PROJECT / "docs" / "schedule.md").read_text().split())
    assert f"every {STATE_SECONDS:g} s, at {PART_BYTES // 10**6} MB, and at the end" in page
    assert f"or takes more than {UPLOAD_SECONDS:g} s, the run stops" in page


def test_the_numbers_of_delivery_are_the_codes() -> None:
    page = " ".join((PROJECT / "docs" / "delivery.md").read_text().split())
    defaults = {
        name: setting.get("default")
        for name, setting in TargetSegment.config_jsonschema["properties"].items()
    }
    assert QUEUED_BATCHES == 2, "the batch in flight and the next"
    for words in (
        f"STATE line at least every {STATE_EVERY_RECORDS:,} records",
        f"1, 2, 4, … {BACKOFF_MAX_SECONDS:.0f} s",
        f"requests in flight, {STOP_SECONDS} s at most",
        f"{ALIKE_REFUSALS} records in a row refused alone",
        f"one of the `lanes` ({defaults['lanes']})",
        f"`batch_wait_limit_seconds` ({defaults['batch_wait_limit_seconds']})",
        f"After `retry_max_seconds` ({defaults['retry_max_seconds']})",
        f"One bad record among {defaults['batch_size_rows']:,}",
        ", ".join(f"{status:d}" for status in sorted(HALVED)),
        ", ".join(f"{status:d}" for status in sorted(RETRIED) if status),
        "5xx except " + " and ".join(f"{status:d}" for status in sorted(NOT_RETRIED)),
        f"or {MAX_WAITING_SECONDS:,.0f} s if that is longer",
        f"after {UNREACHED_SECONDS:.0f} s of retries",
    ):
        assert words in page, words
