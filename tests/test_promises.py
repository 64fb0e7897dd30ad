"""Each promise of `docs/delivery.md` has a test that shows it, which its mark names."""

from __future__ import annotations

import re

from project import PROJECT


def numbers(pattern: str, text: str) -> set[int]:
    """Find the numbers that a pattern catches, one or several at a time."""
    return {int(n) for found in re.findall(pattern, text, re.MULTILINE) for n in found.split(",")}


def test_each_promise_has_a_test() -> None:
    page = (PROJECT / "docs" / "delivery.md").read_text()
    promised = numbers(r"^(\d+)\. ", page.partition("## What is promised")[2].partition("\n## ")[0])
    tests = "".join(path.read_text() for path in (PROJECT / "tests").glob("*/**/test_*.py"))
    assert numbers(r"^@pytest\.mark\.promise\((.+)\)$", tests) == promised == {*range(1, 18)}
