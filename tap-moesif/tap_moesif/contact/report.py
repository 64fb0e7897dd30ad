"""The report of a first contact, in Markdown; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Answer(NamedTuple):
    """What was found out.

    Attributes:
        question: A question that no document answers.
        text: The answer: types, published names, yes or no.
        setting: The line to add to the settings, where the answer wants one.
    """

    question: str
    text: str
    setting: str = ""


def report(
    title: str, answers: Sequence[Answer], fields: Sequence[tuple[str, Sequence[Sequence[str]]]]
) -> str:
    """Write the report.

    Args:
        title: Its first line.
        answers: In their order.
        fields: For each kind of document its name, and rows of a field's name, types and share.
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
    lines += ["", "This holds no key, no value of a document and no name of your own fields."]
    return "\n".join([*lines, ""])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    body = [[cell.replace("|", "\\|") for cell in row] for row in [head, *rows]]
    body.insert(1, ["---"] * len(head))
    return [f"| {' | '.join(row)} |" for row in body]
