"""What `docs/failures.md` says of each failure is so, and no failure is missing there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

import reject_reasons
import tap_failures
import target_failures
from commands import started
from failure_table import PAGE, pattern, reasons, rows
from project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commands import Ended

CASES = {
    **{f"tap: {name}": case for name, case in tap_failures.CASES.items()},
    **{f"target: {name}": case for name, case in target_failures.CASES.items()},
}
PACKAGES = ("singer-delivery", "tap-moesif", "target-segment", "target-moesif")
NO_SENTENCES = {"schemas.py", "fields.py"}  # descriptions of fields


@cache
def ended(name: str) -> Ended:
    """Make a failure happen, once for all tests."""
    with TemporaryDirectory() as folder:
        return CASES[name](Path(folder))


@pytest.mark.parametrize("name", CASES)
def test_a_failure_is_told_in_a_sentence_of_the_page(name: str) -> None:
    run = ended(name)
    assert any(row.is_in(run) for row in rows()), f"exit code {run.code}: {run.stderr}"


@pytest.mark.timeout(600)  # the runs are most of it, where the others have not made them yet
def test_each_sentence_of_the_page_is_told_by_a_failure_with_that_exit_code() -> None:
    runs = [ended(name) for name in CASES]
    assert len(rows()) > 80
    assert [row for row in rows() if not any(row.is_in(run) for run in runs)] == []


@pytest.mark.parametrize("target", [reject_reasons.of_segment, reject_reasons.of_moesif])
def test_each_reason_for_a_rejection_is_on_the_page(
    target: Callable[[Path], list[reject_reasons.Reject]], tmp_path: Path
) -> None:
    known = reasons()
    for reject in target(tmp_path):
        assert any(
            reason.code == reject["reason"]
            and re.fullmatch(pattern(reason.detail), reject["detail"], re.DOTALL)
            for reason in known
        ), reject


def test_each_reason_of_the_page_is_given_by_a_target(tmp_path: Path) -> None:
    given = []
    for target in (reject_reasons.of_segment, reject_reasons.of_moesif):
        (folder := tmp_path / target.__name__).mkdir()
        given += target(folder)
    for reason in reasons():
        detail = re.compile(pattern(reason.detail), re.DOTALL)
        assert any(
            reject["reason"] == reason.code and detail.fullmatch(reject["detail"])
            for reject in given
        ), reason


@pytest.mark.parametrize("command", ["tap-moesif", "target-segment", "target-moesif"])
def test_a_wrong_command_line_ends_with_2_and_names_the_word(command: str) -> None:
    with started(command, "--nonsense") as process:
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"No such option" in stderr
    assert b"--nonsense" in stderr


def test_no_sentence_of_the_code_is_missing_on_the_page() -> None:
    """A new one needs a row there, and in the tests' support a run that makes it be said."""
    page = PAGE.read_text()
    missing = [
        f"{module.name}:{line}: {words}"
        for package in PACKAGES
        for module in sorted((PROJECT / package).glob("*/*.py"))
        if module.name not in NO_SENTENCES
        for line, words in said(ast.parse(module.read_text()))
        if words not in page
    ]
    assert missing == []


def said(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Give the longest fixed part of each sentence in a module, and its line."""
    quiet = {id(node) for silent in ast.walk(module) for node in unsaid(silent)}
    for node in ast.walk(module):
        parts = fixed_parts(node)
        if id(node) in quiet or not parts:
            continue
        words = max(re.split(r"%[.\d]*[sdf]", "%s".join(parts)), key=len).strip()
        if words.count(" ") >= 3:
            yield node.lineno, words  # type: ignore[attr-defined]


def fixed_parts(node: ast.AST) -> list[str]:
    if isinstance(node, ast.JoinedStr):
        return [part.value for part in node.values if isinstance(part, ast.Constant)]  # type: ignore[misc]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def unsaid(node: ast.AST) -> Iterator[ast.AST]:
    """Find what nobody is told: docstrings, descriptions, SQL, what is raised to be caught."""
    if isinstance(node, ast.Expr):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from node.values
    elif isinstance(node, ast.keyword) and node.arg in {"description", "title"}:
        yield from ast.walk(node.value)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "description":
                yield value
    elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        if ast.unparse(node.exc.func) in {"ValueError", "TypeError", "LookupError"}:
            yield from ast.walk(node)
    elif isinstance(node, ast.Constant) and re.match(r"(CREATE|INSERT|SELECT|PRAGMA) ", str(node.value)):
        yield node
