"""The URL of a system under test, as a user gives it: one check for all options that take one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from durable_harness.errors import UsageError

KEY_HINT = "Give the key that a URL of Azure carries behind code= as --function-key (pytest: --stack-key)."


def read_base_url(text: str | None, option: str, example: str) -> str:
    """Return the URL without a slash at its end, or raise UsageError, whose message never repeats a query."""
    given = (text or "").strip()
    try:
        parts = urlsplit(given)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half of an IPv6 address
        is_url = False
    kept, mark, rest = _without_query(given)
    if mark and rest:
        raise UsageError(f"{option}: got a URL with a query or a fragment, expected one like {example}\n  {KEY_HINT}")
    if not is_url:
        raise UsageError(f"{option}: got '{kept}', expected a URL like {example}")
    return urlunsplit(parts).rstrip("/")


def _without_query(url: str) -> tuple[str, str, str]:
    """Return what comes before a query or fragment, the mark that begins it, and what follows."""
    found = re.search(r"[?#]", url)
    return (url[: found.start()], found[0], url[found.end() :]) if found else (url, "", "")
