"""The addresses of the pages: those of the emulator's dashboard, and ours below them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote, urlencode

ROOT = ("subscriptions", "local", "schedulers", "emulator", "taskhubs")
HUB_AT = len(ROOT)
ORCHESTRATIONS = "orchestrations"

Pairs = Iterable[tuple[str, str]]

_DOTS = {".": "=.", "..": "=.."}
_PARTS_OF_DOTS = {written: part for part, written in _DOTS.items()}
"""How parts are written that browsers take for a way up, however they are quoted. No other part has a bare `=`."""


def hub_url(hub: str, *parts: str, query: Pairs = ()) -> str:
    """Return the address of a page of a hub. Parts may be any text: ids with slashes too."""
    path = "/".join(_DOTS.get(part) or quote(part, safe="") for part in (*ROOT, hub, *parts))
    asked = urlencode(list(query))
    return f"/{path}?{asked}" if asked else f"/{path}"


def instance_url(hub: str, instance_id: str, *parts: str, query: Pairs = ()) -> str:
    """Return the address of a page of an instance."""
    return hub_url(hub, ORCHESTRATIONS, instance_id, *parts, query=query)


def parts_of(raw_path: str) -> list[str]:
    """Return the parts of a path as it came, each decoded by itself."""
    return [_PARTS_OF_DOTS.get(part) or unquote(part) for part in raw_path.split("/") if part]


def hub_parts(parts: list[str]) -> tuple[str, list[str]] | None:
    """Return the hub that a path names and the parts behind it; None for a path that names none.

    Subscription and scheduler may have any name, as there is only one of each.
    """
    fixed = [parts[at : at + 1] for at in (0, 2, 4)]
    if fixed != [[ROOT[0]], [ROOT[2]], [ROOT[4]]] or len(parts) <= HUB_AT:
        return None
    return parts[HUB_AT], parts[HUB_AT + 1 :]
