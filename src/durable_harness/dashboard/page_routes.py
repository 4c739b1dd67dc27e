"""How pages are found: each module of `pages` has a list of these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from durable_harness.dashboard.visit import Visit

Handler = Callable[["Visit"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class PageRoute:
    """One address below that of a hub, and what answers there.

    A part of `path` in braces is any text, which the visit has under this name. A POST is an act: it needs the token of
    a page, and a dashboard that is not read-only.
    """

    method: str
    path: tuple[str, ...]
    handler: Handler
    tab: str = ""
    """The address of the entry in the navigation that it belongs to."""

    def match(self, parts: Sequence[str]) -> Mapping[str, str] | None:
        """Return the named parts of an address that is this one's, None for any other."""
        if len(parts) != len(self.path):
            return None
        named: dict[str, str] = {}
        for expected, part in zip(self.path, parts, strict=True):
            if expected[:1] == "{":
                named[expected[1:-1]] = part
            elif expected != part:
                return None
        return named


@dataclass(frozen=True)
class Tab:
    """An entry in the navigation of a hub."""

    path: str
    title: str
