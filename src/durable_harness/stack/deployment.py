"""A system that is already running: an app in Azure, or one on this machine."""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
from collections.abc import Iterator

from durable_harness.errors import UnreachableError, UsageError
from durable_harness.network.base_urls import read_base_url
from durable_harness.network.bounded_http import Limit, bounded_opener, failure_words
from durable_harness.stack.child_systems import RunningStack
from durable_harness.stack.options import StackOptions
from durable_harness.wording.foreign_text import hide

EXAMPLE = "https://my-app.azurewebsites.net"
ANSWER_TIMEOUT_S = 60.0
"""A deployment that scales to zero takes long to answer its first request."""


@contextlib.contextmanager
def remote_stack(options: StackOptions) -> Iterator[RunningStack]:
    """Yield the system at a URL once it sends any answer. Raises UnreachableError if it does not."""
    url = _checked(options.url)
    hide([options.function_key or ""])
    timeout_s = ANSWER_TIMEOUT_S if options.answer_timeout_s is None else options.answer_timeout_s
    try:
        with Limit(timeout_s), bounded_opener().open(url, timeout=timeout_s):
            pass
    except urllib.error.HTTPError as error:
        error.close()
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{url} does not answer: {failure_words(error)}\n  Is the app running there?") from error
    yield RunningStack("remote", url, options.function_key)


def _checked(url: str | None) -> str:
    if not url:
        raise UsageError(f"stack remote needs the URL of the app: --stack-url {EXAMPLE}")
    return read_base_url(url, "the URL of the app (pytest: --stack-url)", EXAMPLE)
