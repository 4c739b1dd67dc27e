"""The parts of a page: its frame, sections, tables, tiles, a verdict. Cells and contents are HTML, all else is text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from durable_harness.web.hover import SCRIPT
from durable_harness.web.policy import policy
from durable_harness.web.style import STYLE
from durable_harness.wording.foreign_text import shown_lines

MOST_COLUMNS = 3
"""A table with more, or with words, is a card for each row where the window is narrow."""
POLICY = policy(scripts=[SCRIPT])
"""A browser runs no other script than the page's own, and fetches nothing, whatever a service wrote into a report."""


def page(title: str, contents: Iterable[str]) -> str:
    """Return a whole page that fetches nothing. Empty contents are left out."""
    return shown_lines(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(content for content in contents if content)
        + f"\n</main><script>{SCRIPT}</script></body></html>\n"
    )


def heading(title: str, facts: str) -> str:
    """Return the page's first lines: what it is about, and of what."""
    return f'<h1>{escape(title)}</h1><p class="muted lead">{escape(facts)}</p>'


def verdict(word: str, sentence: str, css_class: str) -> str:
    """Return the verdict, in the colour of its class: passed, failed, invalid, interrupted."""
    return f'<p class="verdict {css_class}"><b>{escape(word)}</b> {escape(sentence)}</p>'


def section(title: str, content: str, lead: str = "") -> str:
    """Return content under a heading; nothing where there is no content."""
    if not content:
        return ""
    words = f'<p class="muted lead">{escape(lead)}</p>' if lead else ""
    return f"<section><h2>{escape(title)}</h2>{words}{content}</section>"


def pair(*sections: str) -> str:
    """Put sections beside one another, two in a row, where the page is wide enough."""
    shown = [section for section in sections if section]
    return f'<div class="pair">{"".join(shown)}</div>' if shown else ""


def tiles(values: Mapping[str, str]) -> str:
    """Return figures by their labels, each in a tile."""
    cells = (
        f'<div class="tile"><span>{escape(label)}</span><strong>{escape(value)}</strong></div>'
        for label, value in values.items()
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def facts(values: Mapping[str, str]) -> str:
    """Return a list of names with their values; nothing where there are none."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in values.items())
    return f"<dl>{items}</dl>" if items else ""


def bullets(lines: Iterable[str]) -> str:
    """Return a list of lines; nothing where there are none."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], words: tuple[int, ...] = (), *, css_class: str = ""
) -> str:
    """Return a table whose columns are numbers but for the first one and those in `words`.

    Where the window is narrow each row of a wide table is a card, in which the heads stand beside the cells, unless
    `css_class` makes a table of another kind of it.
    """
    is_wide = not css_class and (len(heads) > MOST_COLUMNS or bool(words))

    def attributes(tag: str, column: int) -> str:
        head = f' data-head="{escape(heads[column])}"' if is_wide and tag == "td" else ""
        return f"{' class=words' if column in words else ''}{head}"

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(f"<{tag}{attributes(tag, column)}>{cell}</{tag}>" for column, cell in enumerate(row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<tr>{cells('th', [escape(head) for head in heads])}</tr>"
    kind = "cards" if is_wide else css_class
    attribute = f' class="{kind}"' if kind else ""
    return f'<div class="scroll"><table{attribute}><thead>{head}</thead><tbody>{body}</tbody></table></div>'


class PartOfWhole(NamedTuple):
    """A part of a whole: what it shows where one points at it, its class, which has its colour, and its size."""

    tip: str
    css_class: str
    size: float


def stack(pieces: Iterable[PartOfWhole]) -> str:
    """Return a bar of the parts of a whole, each as long as its share."""
    spans = "".join(
        f'<span class="{css_class}" style="flex: {size:.4f}" data-tip="{escape(tip)}"></span>'
        for tip, css_class, size in pieces
    )
    return f'<div class="stack">{spans}</div>'


def swatch(css_class: str, label: str) -> str:
    """Return a label behind the colour of its class."""
    return f'<i class="swatch {css_class}"></i>{escape(label)}'


def with_example(text: str, example: str) -> str:
    """Return a cell of a text with an example below it, if there is one."""
    return f'{escape(text)}<br><span class="muted">such as {escape(example)}</span>' if example else escape(text)


def keys(labels: Iterable[tuple[str, str]], more: str = "") -> str:
    """Return the key of a plot: labels with their classes."""
    return "".join(f'<span class="key {css_class}">{escape(label)}</span>' for label, css_class in labels) + more


def figure(plot: str, caption: str = "") -> str:
    """Return a plot with its key."""
    return f"<figure>{f'<figcaption>{caption}</figcaption>' if caption else ''}{plot}</figure>"
