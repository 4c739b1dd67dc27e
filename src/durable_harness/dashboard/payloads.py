"""Payloads as people read them: JSON with line breaks, its numbers and names as they were written; the rest as text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

SHOWN_CHARS = 20_000
"""How much of a payload is on a page; the whole of it is one click away."""
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
        return len(self.text) > SHOWN_CHARS

    @property
    def number_bytes(self) -> int:
        return len(self.text.encode("utf-8", "replace"))

    @property
    def pretty(self) -> str:
        """The text, or its beginning if it is long."""
        return self.text[:SHOWN_CHARS] if self.is_long else reindented(_inner(self.text))

    @property
    def brief(self) -> str:
        return one_line(self.text)


def one_line(text: str | None, most_chars: int = LINE_CHARS) -> str:
    """Return the beginning of a payload on one line; a JSON string of it without its quotes."""
    if text is None:
        return ""
    line = _BLANK.sub(" ", text[: 2 * most_chars]).strip()
    if len(line) > 1 and line[0] == line[-1] == '"':
        line = _unquoted(line)
    return line if len(line) <= most_chars else line[: most_chars - 1] + "…"


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


def reindented(text: str) -> str:
    """Return JSON with line breaks and nothing else changed; a short text, and one that is no JSON, as it is."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if len(text) <= SHORT_CHARS and "\n" not in text else "".join(_pieces(_TOKEN.findall(text)))


def _pieces(written: list[str]) -> list[str]:
    pieces, depth = list[str](), 0
    for piece, following in zip(written, [*written[1:], ""], strict=True):
        if piece in "{[" and following not in "}]":
            depth += 1
            pieces += [piece, "\n", "  " * depth]
        elif following and following in "}]" and piece not in "{[":
            depth -= 1
            pieces += [piece, "\n", "  " * depth]
        elif piece == ",":
            pieces += [piece, "\n", "  " * depth]
        else:
            pieces += [": " if piece == ":" else piece]
    return pieces
