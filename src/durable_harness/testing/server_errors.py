"""What the host logged while it answered a test's requests with server errors: why a test got a 500."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from durable_harness.operations import HttpResponse, NoResponse, redact_keys
from durable_harness.testing.requesting import NOTHING, HttpClient
from durable_harness.testing.route_hints import NOT_ALLOWED, NOT_FOUND, explain_unknown_route
from durable_harness.wording.foreign_text import shown_lines

SERVER_ERROR = 500
MOST_SHOWN = 3
MOST_LINES = 60
"""Of the log of one request: enough for the beginning and the end of a traceback of any depth."""
MOST_LOGGED_BYTES = 256 * 1024
_ENTRY = re.compile(r"^(?=\[\d{4}-\d\d-\d\d )", re.MULTILINE)
_ERROR = re.compile(r"\[[^\]]+\] (ERROR|CRITICAL) ")


class ServerError(NamedTuple):
    """A request that was answered with 500 or more, and the part of the host's log that was written meanwhile."""

    request: str
    status: int
    begin: int
    end: int


class WatchedClient(HttpClient):
    """A client that notes where the host's log has the reason for each server error."""

    def __init__(self, base_url: str, function_key: str | None, timeout_s: float, log_path: Path | None) -> None:
        super().__init__(base_url, function_key, timeout_s)
        self._log_path = log_path
        self._noted: list[ServerError] = []
        self._unanswered: deque[tuple[str, str, HttpResponse]] = deque(maxlen=MOST_SHOWN)

    def request(
        self,
        method: str,
        url: str,
        payload: Any = NOTHING,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> HttpResponse | NoResponse:
        begin = self._log_size()
        answer = super().request(method, url, payload, headers=headers, timeout_s=timeout_s)
        if isinstance(answer, HttpResponse) and answer.status in {NOT_FOUND, NOT_ALLOWED}:
            self._unanswered.append((method, url, answer))
        if isinstance(answer, HttpResponse) and answer.status >= SERVER_ERROR:
            request = f"{method} {urlsplit(url).path}"
            self._noted.append(ServerError(request, answer.status, begin, self._log_size()))
        return answer

    def server_errors(self) -> str:
        """Return the latest server errors with what was logged meanwhile; empty if there were none."""
        return "\n".join(self._described(error) for error in self._noted[-MOST_SHOWN:])

    def unknown_routes(self) -> str:
        """Return the latest requests to unknown routes, with the routes of the app; empty if there were none."""
        explained = (explain_unknown_route(self, *one) for one in self._unanswered)
        return next(filter(None, explained), "")

    def _described(self, error: ServerError) -> str:
        answered = f"{error.request} was answered with {error.status}"
        if self._log_path is None:
            return f"{answered}. The host's log is where it runs."
        lines = self._logged(error).splitlines()
        if not lines:
            return f"{answered}. The host logged nothing meanwhile: the function itself may have answered so."
        left_out = len(lines) - MOST_LINES
        if left_out > 0:
            half = MOST_LINES // 2
            lines = [*lines[:half], f"    … {left_out} more lines …", *lines[-half:]]
        return "\n".join([f"{answered}. The host logged meanwhile ({self._log_path}):", *lines])

    def _logged(self, error: ServerError) -> str:
        """Return the errors logged meanwhile, or all that was logged if there are none."""
        assert self._log_path is not None
        with self._log_path.open("rb") as log:
            log.seek(max(error.begin, error.end - MOST_LOGGED_BYTES))
            text = log.read(error.end - log.tell()).decode(errors="replace")
        errors = "".join(entry for entry in _ENTRY.split(text) if _ERROR.match(entry))
        return shown_lines(redact_keys(errors or text))

    def _log_size(self) -> int:
        path = self._log_path
        return path.stat().st_size if path is not None and path.exists() else 0
