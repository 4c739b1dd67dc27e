"""What came of acts that have a page of their own, kept in memory so that a reload shows it and repeats nothing."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST = 20
"""How many results are kept, the latest."""


@dataclass(frozen=True)
class Shown:
    """What the page of a result shows: its template with what that shows, and the task hub that it is of."""

    hub: str
    template: str
    contents: Mapping[str, Any]


class Results:
    """The results of a dashboard."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Shown] = OrderedDict()

    def keep(self, result: Shown) -> str:
        """Keep a result, and return its key."""
        key = secrets.token_urlsafe(9)
        self._kept[key] = result
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return key

    def find(self, hub: str, key: str) -> Shown | None:
        """Return a result of a hub, None if it is not kept."""
        result = self._kept.get(key)
        return result if result is not None and result.hub == hub else None
