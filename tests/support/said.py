"""The sentences in a module's code that somebody may get to read."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACES = 3  # of fewer words, nobody makes a sentence
SQL = re.compile(r"(ATTACH|BEGIN|CREATE|DELETE|INSERT|PRAGMA|SELECT|UPDATE)[ ;]")
FORMAT = re.compile(r"%[.\d]*[sdf]")


def said(source: str) -> Iterator[tuple[int, str]]:
    """Give the line and the longest fixed part of each sentence."""
    module = ast.parse(source)
    quiet = {id(node) for node in _unsaid(module)}
    for node in ast.walk(module):
        if id(node) in quiet or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        words = max(FORMAT.split("%s".join(_fixed_parts(node))), key=len).strip()
        if words.count(" ") >= SPACES and not SQL.match(words):
            yield node.lineno, words


def _fixed_parts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.JoinedStr):
        return [text for part in node.values for text in _fixed_parts(part)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _unsaid(module: ast.Module) -> Iterator[ast.AST]:
    """Find what nobody is told: docstrings, descriptions, what is raised to be caught."""
    for node in ast.walk(module):
        match node:
            case ast.Expr():
                yield node.value
            case ast.JoinedStr():  # their parts, which count together
                yield from node.values
            case ast.keyword(arg="description" | "title" | "help" | "epilog"):
                yield from ast.walk(node.value)
            case ast.Dict():
                yield from _described(node)
            case ast.Raise(exc=ast.Call(ast.Name("ValueError" | "TypeError" | "LookupError"))):
                yield from ast.walk(node)


def _described(node: ast.Dict) -> Iterator[ast.AST]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "description":
            yield value
