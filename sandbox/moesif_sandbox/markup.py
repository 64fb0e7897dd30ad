"""HTML that can't be broken by what is put into it: all text is escaped, wherever it comes from."""

from __future__ import annotations

from html import escape

_VOID = {"input", "link", "meta", "img"}


class Markup(str):
    """Text that is HTML already, as only this module makes it."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """Return an element.

    Args:
        name: Of the element.
        children: Elements, which are put in as they are, and text, which is escaped.
        attributes: By their names, `_` for `-`, with one at the end where Python has the word.
            True is an attribute without a value; None and False leave it out.
    """
    given = "".join(
        f" {key}" if value is True else f' {key}="{escape(str(value))}"'
        for key, value in ((_attribute(key), value) for key, value in attributes.items())
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: str | None) -> Markup:
    """Return elements and text one after the other."""
    return Markup("".join(_safe(child) for child in children if child is not None))


def _safe(child: str) -> str:
    return child if isinstance(child, Markup) else escape(child)


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
