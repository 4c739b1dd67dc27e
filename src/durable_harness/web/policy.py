"""The content security policy of a page: which script and style may act in it, and what it may fetch."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable


def source_of(text: str) -> str:
    """Return how a policy names an inline script or style: by its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy(*, scripts: Iterable[str], styles: Iterable[str] = (), connects: bool = False) -> str:
    """Return the policy of a page that runs these scripts, and nothing else whatever came into it.

    Without `styles` any inline style holds. With `connects` the page may ask the server that it came from.
    """
    style_sources = " ".join(map(source_of, styles)) or "'unsafe-inline'"
    rules = ["default-src 'none'", f"style-src {style_sources}", f"script-src {' '.join(map(source_of, scripts))}"]
    rules += ["connect-src 'self'"] if connects else []
    return "; ".join([*rules, "base-uri 'none'"])
