"""What the operator's pages under `docs/` hold together, and their commands run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pages import blocks
from project import PROJECT

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
