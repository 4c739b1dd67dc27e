"""The URL of a system under test, as a user gives it: one check for all options that take one."""

from __future__ import annotations

import re

from durable_harness.errors import UsageError
from durable_harness.redirects import BadUrlError, split_http_url

KEY_HINT = "Give the key that a URL of Azure carries behind code= as --function-key (pytest: --stack-key)."


def read_base_url(text: str | None, option: str, example: str) -> str:
    """Return the URL without a slash at its end, or raise UsageError without its query and password in the message."""
    base, *query = re.split("[?#]", (text or "").strip(), maxsplit=1)
    if any(query):
        raise UsageError(f"{option}: got a URL with a query or a fragment, expected one like {example}\n  {KEY_HINT}")
    try:
        parts, _ = split_http_url(base)
    except BadUrlError:
        public = re.sub("[^/]*@", "***@", base)
        raise UsageError(f"{option}: got '{public}', expected a URL like {example}") from None
    return parts.geturl().rstrip("/")
