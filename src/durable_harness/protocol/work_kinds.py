"""The kinds of work that a scheduler hands out."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """A kind of work, by the word that tests, pages and reports have for it."""

    ORCHESTRATION = "orchestration"
    ACTIVITY = "activity"
    ENTITY = "entity"
