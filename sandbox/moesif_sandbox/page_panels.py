"""The page's lists as HTML: newest first, a part at a time, each line to unfold."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from moesif_sandbox.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moesif_sandbox.page_lists import Entry, Listing, Panel
    from moesif_sandbox.page_view import View

LINES = 15
CONTENT = "/page/content"


def panel(shown: Panel, view: View, empty: Mapping[str, str]) -> Markup:
    """Return a list of the page.

    Args:
        shown: The lists it may be.
        view: Which of them, and from where on.
        empty: What to say where there is nothing, by the panel's name.
    """
    chosen = view.choice(shown.name, shown.lists)
    listing = shown.lists[chosen]
    last = _last(listing, view.number(_before(shown)))
    first = max(listing.start, last - LINES)
    entries = [*reversed(listing.between(first, last))]
    live = last == listing.end
    lines = [_line(entry, listing, f"{CONTENT}/{shown.name}/{chosen}") for entry in entries]
    title = f"{shown.name}-title"
    return tag(
        "section",
        tag("header", tag("h2", shown.title, id=title), _choices(shown, chosen, view)),
        tag("ol", *lines, class_="lines", data_key=f"{chosen}-{'live' if live else last}")
        if lines
        else tag("p", _nothing(shown, empty), class_="empty"),
        _pager(shown, view, listing, first, last),
        class_=f"panel list {shown.name}",
        data_key=shown.name,
        aria_labelledby=title,
        tabindex="-1",
    )


def _nothing(shown: Panel, empty: Mapping[str, str]) -> str:
    is_new = not any(listing.end for listing in shown.lists.values())
    return empty.get(shown.name, "None.") if is_new else "None."


def _before(shown: Panel) -> str:
    return f"{shown.name}-before"


def _last(listing: Listing, before: int | None) -> int:
    """Return the place before which the shown part ends: as asked, where there still is such."""
    if before is None:
        return listing.end
    return min(before if before > listing.start else listing.start + LINES, listing.end)


def _choices(shown: Panel, chosen: str, view: View) -> Markup | None:
    if len(shown.lists) == 1:
        return None
    links = [
        tag(
            "a",
            f"{listing.label} ",
            tag("b", f"{listing.end:,}"),
            href=view.address(**{shown.name: name, _before(shown): None}),
            aria_current="true" if name == chosen else None,
        )
        for name, listing in shown.lists.items()
    ]
    return tag("nav", *links, class_="choices", aria_label=f"{shown.title}: which list")


def _line(entry: Entry, listing: Listing, content: str) -> Markup:
    row = listing.row(entry.content)
    address = f"{content}?key={quote(entry.key, safe='')}"
    if entry.version:
        address += f"&version={entry.version}"
    summary = tag(
        "summary",
        tag("span", row.mark, class_="mark failed" if row.failed else "mark") if row.mark else None,
        tag("bdi", row.title, class_="title"),
        tag("span", *_apart(row.facts), class_="facts"),
        tag("time", row.time) if row.time else None,
    )
    inside = tag("div", tag("a", "as JSON", href=address), class_="content", data_kept=True)
    return tag("li", tag("details", summary, inside, data_from=address), data_key=entry.key)


def _apart(facts: Sequence[str]) -> list[str]:
    """Return facts with a dot between them, each written in its own direction."""
    parts = [part for fact in facts for part in (" · ", tag("bdi", fact))]
    return parts[1:]


def _pager(shown: Panel, view: View, listing: Listing, first: int, last: int) -> Markup | None:
    if listing.end - listing.start <= LINES:
        return None
    newer = last + LINES
    span = f"{listing.end - last + 1:,}–{listing.end - first:,} of {listing.end:,}"  # noqa: RUF001
    return tag(
        "nav",
        _step("Newest", view.address(**{_before(shown): None}), possible=last < listing.end),
        _step(
            "Newer",
            view.address(**{_before(shown): newer if newer < listing.end else None}),
            possible=last < listing.end,
        ),
        _step("Older", view.address(**{_before(shown): first}), possible=first > listing.start),
        tag("span", span),
        class_="pager",
        aria_label=f"{shown.title}: which part",
    )


def _step(label: str, address: str, *, possible: bool) -> Markup:
    if possible:
        return tag("a", label, href=address)
    return tag("a", label, role="link", aria_disabled="true")
