"""The report of `--first-contact`, in Markdown; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Answer(NamedTuple):
    """A question and its answer.

    Attributes:
        question: The question.
        text: The answer: types, published names, yes or no.
        setting: A line to add to the settings; empty if none is needed.
    """

    question: str
    text: str
    setting: str = ""


def report(
    title: str, answers: Sequence[Answer], fields: Sequence[tuple[str, Sequence[Sequence[str]]]]
) -> str:
    """Return the report.

    Args:
        title: The first line.
        answers: The answers, in order.
        fields: For each kind of document, its name and rows of field name, types and share.
    """
    lines = [f"# {title}", "", *_table(("question", "answer"), [each[:2] for each in answers])]
    for kind, rows in fields:
        if rows:
            lines += ["", f"## Fields of {kind}", ""]
            lines += _table(("name", "type", "how many have it"), rows)
    settings = [each for each in answers if each.setting]
    lines += ["", "## What to change", ""]
    if settings:
        lines += ["```yaml", *dict.fromkeys(each.setting for each in settings), "```"]
    else:
        lines.append("Nothing: the defaults fit this account.")
    lines += ["", "This report contains no key, no values and no names of custom fields."]
    return "\n".join([*lines, ""])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    body = [[cell.replace("|", "\\|") for cell in row] for row in [head, *rows]]
    body.insert(1, ["---"] * len(head))
    return [f"| {' | '.join(row)} |" for row in body]
