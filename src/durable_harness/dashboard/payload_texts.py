"""Payloads as people read them: JSON with line breaks, its numbers and names as they were written; the rest as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from durable_harness.wording.foreign_text import beginning, blanked, shown_lines

SHOWN_CHARS = 20_000
"""How much of a payload is on a page; the whole of it is one click away."""
MOST_INDENTED_CHARS = 2 * SHOWN_CHARS
"""How large a payload may become by its line breaks and indents."""
SHORT_CHARS = 60
LINE_CHARS = 120
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_BLANK = re.compile(r"\s+")


@dataclass(frozen=True)
class Payload:
    """A payload on a page, and where the whole of it is."""

    text: str
    url: str = ""

    @property
    def is_long(self) -> bool:
        """Whether a page has only the beginning of it."""
        return self._shown[1]

    @property
    def number_bytes(self) -> int:
        return len(self.text.encode("utf-8", "replace"))

    @property
    def pretty(self) -> str:
        """The text, or its beginning if it is long."""
        return self._shown[0]

    @cached_property
    def _shown(self) -> tuple[str, bool]:
        if len(self.text) > SHOWN_CHARS:
            return beginning(self.text, SHOWN_CHARS).removesuffix("…")[:SHOWN_CHARS], True
        # Indenting makes nested lists many times larger, so what counts is what a page gets. Secrets go first.
        text = reindented(_inner(blanked(self.text)), MOST_INDENTED_CHARS + 1)
        return text[:MOST_INDENTED_CHARS], len(text) > MOST_INDENTED_CHARS

    @property
    def brief(self) -> str:
        return one_line(self.text)


def one_line(text: str | None, most_chars: int = LINE_CHARS) -> str:
    """Return the beginning of a payload on one line; a JSON string of it without its quotes."""
    if text is None:
        return ""
    # A secret that is cut in two would not be found any more, so it is blanked before.
    line = _BLANK.sub(" ", beginning(text, 2 * most_chars)).strip()
    if len(line) > 1 and line[0] == line[-1] == '"':
        line = _unquoted(line)
    return line if len(line) <= most_chars else line[: most_chars - 1] + "…"


def editable(text: str | None) -> str:
    """Return a payload as it stands in a form: JSON that is written into a JSON string as this JSON."""
    return "" if text is None else _inner(text.strip())


def edited(written: str, before: str | None) -> str | None:
    """Return the payload that was written into the form of another, None if it was left as it was.

    Where `before` had its JSON written into a JSON string, so has the payload: its reader expects that.
    """
    whole = editable(before)
    # A form has secrets and hidden characters as they are shown: one that was left alone does not change them.
    if _lines(written) in {_lines(whole), _lines(shown_lines(whole))}:
        return None
    was_inner = before is not None and _inner(before.strip()) != before.strip()
    is_structure = written[:1] in {"{", "["}
    return json.dumps(written, ensure_ascii=False) if was_inner and is_structure else written


def _lines(text: str) -> str:
    """Return text with line breaks of one kind: browsers send their own."""
    return text.replace("\r\n", "\n").strip()


def _inner(text: str) -> str:
    """Return the JSON object or list that is written into a JSON string, as some SDKs do; any other text as it is."""
    if text[:1] != '"':
        return text
    try:
        inner = json.loads(text)
        is_structure = isinstance(inner, str) and isinstance(json.loads(inner), dict | list)
    except (ValueError, RecursionError):
        return text
    return inner if is_structure else text


def _unquoted(line: str) -> str:
    try:
        text = json.loads(line)
    except ValueError:
        return line
    return _BLANK.sub(" ", text).strip() or line if isinstance(text, str) else line


def reindented(text: str, most_chars: int) -> str:
    """Return JSON with line breaks and nothing else changed; a short text, and one that is no JSON, as it is.

    Of one that becomes longer than that it is the beginning.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if len(text) <= SHORT_CHARS and "\n" not in text else _joined(_pieces(_TOKEN.findall(text)), most_chars)


def _joined(pieces: Iterable[str], most_chars: int) -> str:
    taken, size = list[str](), 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size >= most_chars:
            break
    return "".join(taken)[:most_chars]


def _pieces(written: list[str]) -> Iterator[str]:
    depth = 0
    for piece, following in zip(written, [*written[1:], ""], strict=True):
        yield ": " if piece == ":" else piece
        if piece in "{[" and following not in "}]":
            depth += 1
        elif following and following in "}]" and piece not in "{[":
            depth -= 1
        elif piece != ",":
            continue
        yield f"\n{'  ' * depth}"
