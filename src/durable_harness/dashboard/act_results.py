"""Results of acts that have their own page, kept in memory so that a reload shows them and repeats nothing."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST = 20
"""How many of the latest results are kept."""


@dataclass(frozen=True)
class Shown:
    """The content of a result's page: its template with its values, and its task hub."""

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
