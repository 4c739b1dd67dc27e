"""The name that a misspelt one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKE = 0.8
"""How much a misspelt name must have in common with a known one; with less, hints are odd more often than right."""


def expected_one_of(word: str, known: Iterable[str]) -> str:
    """Return a sentence with the known names, after one that proposes the name most like `word` if there is one."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    return (f"Did you mean {close[0]}? " if close else "") + f"Expected one of {', '.join(names)}."


def hint(word: str, known: Iterable[str]) -> str:
    """Return a line that proposes the known name most like `word`, or nothing if none is like it."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=LIKE)
    return f"\n  Did you mean {close[0]}?" if close else ""
