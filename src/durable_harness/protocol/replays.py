"""What came of replaying the history of an instance against today's code of an app."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReplayResult(StrEnum):
    """How a replay went."""

    SAME = "same"
    """Today's code does what the history has."""
    DIFFERENT = "different"
    IMPOSSIBLE = "impossible"
    """There was no replay: the app does not load, or did not end in time."""


@dataclass(frozen=True)
class ReplayReport:
    """The result of one replay."""

    result: ReplayResult
    events: int = 0
    aspect: str = ""
    """In what it differs: kind, name, input …"""
    turn: int = 0
    event_id: int | None = None
    expected: str = ""
    """What the history has."""
    got: str = ""
    """What today's code does."""
    line: str = ""
    """Where in the app's code, as `file:line`."""
    place: str = ""
    """Where in the input or output."""
    reason: str = ""
    """Why it was not replayed, or not to its end."""
    lacks: tuple[str, ...] = ()
