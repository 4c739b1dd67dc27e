"""The activities that `call_http` calls, which no app has, and what people call them."""

from __future__ import annotations

CALL_HTTP = "call_http"
HTTP_ACTIVITIES = frozenset({"BuiltIn::HttpActivity", "BuiltIn__HttpActivity"})
"""With SDK 1.x and 2.x."""


def shown_name(name: str) -> str:
    """Return the name by which people know an activity."""
    return CALL_HTTP if name in HTTP_ACTIVITIES else name
