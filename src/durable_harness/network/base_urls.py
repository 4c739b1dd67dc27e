"""The URL of a system under test, as a user gives it: one check for all options that take one."""

from __future__ import annotations

import base64
import re
from urllib.parse import SplitResult, unquote

from durable_harness.errors import UsageError
from durable_harness.network.redirects import BadUrlError, split_http_url
from durable_harness.wording.foreign_text import hide

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
    hide([secret for secret in (unquote(parts.password or ""), basic_authorization(parts)) if secret])
    return parts.geturl().rstrip("/")


def basic_authorization(parts: SplitResult) -> str:
    """Return the value of the header that the user name and password in a URL stand for; "" if it has none."""
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
