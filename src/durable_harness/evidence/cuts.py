"""What is left of a secret in a text that was shortened before the secret was known.

Reasons and excerpts are cut where they are made: in the app's host, or in a worker on another machine. The secret's
beginning stands before the mark of the cut, or its end behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from durable_harness.wording.foreign_text import BLANK
from durable_harness.wording.secret_writings import char_patterns

MARK = re.compile(r"…|\\{1,8}u2026|&hellip;|%E2%80%A6", re.IGNORECASE)
BEHIND_MIDDLE = re.compile(r" more characters (?:…|\\{1,8}u2026|&hellip;) ")
"""The rest of `middle_cut`: what follows is the end of a longer text."""
WINDOW_CHARS = 2_000
"""How far from a cut a secret is looked for: more than any excerpt has."""
LEAST_CHARS = 6
"""Fewer characters of a secret are a part of too many words."""

_Chars = Sequence[re.Pattern[str]]


class CutSecrets:
    """Blanks beginnings and ends of secrets beside the cuts of a text."""

    def __init__(self, forms: Iterable[str]) -> None:
        chars = [char_patterns(form) for form in forms if len(form) > LEAST_CHARS]
        self._forms = [(re.compile("".join(one.pattern for one in each[:LEAST_CHARS])), each) for each in chars]

    def blanked(self, text: str) -> str:
        """Return a text without them."""
        if not self._forms:
            return text
        return self._without_ends(self._without_beginnings(text))

    def _without_beginnings(self, text: str) -> str:
        kept, at = [], 0
        for mark in MARK.finditer(text):
            begin = self._beginning(text, max(at, mark.start() - WINDOW_CHARS), mark.start())
            if begin is not None:
                kept += [text[at:begin], BLANK]
                at = mark.start()
        return "".join([*kept, text[at:]])

    def _beginning(self, text: str, from_: int, to: int) -> int | None:
        """Return where the longest beginning of a secret starts that ends at `to`; None if none does."""
        found = [
            head.start()
            for pattern, chars in self._forms
            for head in pattern.finditer(text, from_, to)
            if _goes_on_to(text, head.end(), to, chars[LEAST_CHARS:])
        ]
        return min(found, default=None)

    def _without_ends(self, text: str) -> str:
        kept, at = [], 0
        for mark in BEHIND_MIDDLE.finditer(text):
            end = max((_end(text, mark.end(), chars) for _, chars in self._forms), default=mark.end())
            if end > mark.end():
                kept += [text[at : mark.end()], BLANK]
                at = end
        return "".join([*kept, text[at:]])


def _goes_on_to(text: str, at: int, to: int, chars: _Chars) -> bool:
    """Whether a text continues with these characters up to the place `to`."""
    for char in chars:
        if at >= to:
            break
        found = char.match(text, at, to)
        if found is None:
            return False
        at = found.end()
    return at == to


def _end(text: str, at: int, chars: _Chars) -> int:
    """Return the place behind the longest end of a secret that begins at `at`; `at` itself if none does."""
    for first in range(1, len(chars) - LEAST_CHARS + 1):
        place: int | None = at
        for char in chars[first:]:
            found = char.match(text, place or at)
            place = None if found is None else found.end()
            if place is None:
                break
        if place is not None:
            return place
    return at
