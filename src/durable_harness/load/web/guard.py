"""Keep Locust's web UI from doing what the person at the terminal did not ask for.

Any page that a browser shows can send a form to this machine, and Locust takes every option from a form. So requests
that another site caused are refused, and what a form may set is what Locust's form shows: no file, no folder, no key.
What is secret is blanked in everything that is served.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any, Protocol
from urllib.parse import quote

from flask import Response, jsonify, request
from werkzeug.datastructures import MultiDict

from durable_harness.network.callers import foreign_call
from durable_harness.wording.foreign_text import shown

USER_FIELDS = frozenset({"user_class_name", "host", "weight", "fixed_count", "tasks"})
"""What Locust's page changes of a user class; by `setattr` any other attribute could be."""
LEAST_SECRET_CHARS = 6
"""Anything shorter is no secret, and would be found in many words."""
SHOWING = frozenset({"text/html", "application/json", "text/csv", "text/plain"})
BLANK = "…"

NUMBERS = ("weight", "fixed_count")
"""What of a user class is a number, 0 or more."""


class Form(Protocol):
    """Judges what a page asks for; a problem is a sentence, none is empty."""

    def problem_of(self, form: MultiDict[str, str]) -> str: ...
    def problem_of_host(self, host: str) -> str: ...
    def forget_run_time(self) -> None: ...


class Guard:
    """Looks at each request of a web UI before Locust does, and at each answer after it."""

    def __init__(self, base_path: str, form: Form, secrets: Callable[[], Iterable[str]]) -> None:
        self._base, self._form, self._secrets = base_path, form, secrets

    def watch(self, app: Any) -> None:
        app.before_request(self._before)
        app.after_request(self._after)

    def _before(self) -> Response | None:
        problem = foreign_call(request.method, request.headers.getlist("Host"), request.headers)  # type: ignore[arg-type]
        if problem:
            return Response(problem, 403, mimetype="text/plain")
        if request.method != "POST":
            return None
        if request.path == f"{self._base}/swarm":
            return self._before_start()
        if request.path == f"{self._base}/user":
            problem = self._problem_of_user()
        return Response(problem, 400, mimetype="text/plain") if problem else None

    def _before_start(self) -> Response | None:
        problem = self._form.problem_of(request.form)
        if problem:
            # Locust's page shows the message of such an answer, and none of an HTTP error.
            return jsonify({"success": False, "message": problem})
        if not request.form.get("run_time"):
            self._form.forget_run_time()
        return None

    def _problem_of_user(self) -> str:
        try:
            settings = json.loads(request.data)
        except (ValueError, RecursionError):
            settings = None
        if not isinstance(settings, dict):
            return "Expected a JSON object."
        others = sorted(settings.keys() - USER_FIELDS)
        if others:
            return f"A user class has no {', '.join(shown(name, 40) for name in others[:5])} to set here."
        host = settings.get("host")
        if host is not None and not isinstance(host, str):
            return "host: expected a text."
        for name in NUMBERS:
            value = settings.get(name)
            if isinstance(value, bool) or not (value is None or (isinstance(value, int | float) and value >= 0)):
                return f"{name}: expected a number, 0 or more."
        return self._form.problem_of_host(host) if host else ""

    def _after(self, response: Response) -> Response:
        if response.mimetype in SHOWING and not response.is_streamed and not response.direct_passthrough:
            text = response.get_data(as_text=True)
            for form in self._forms():
                text = text.replace(form, BLANK)
            response.set_data(text)
        return response

    def _forms(self) -> Iterator[str]:
        """Yield the secrets as they look in pages, in JSON and in URLs."""
        for secret in self._secrets():
            if len(secret) >= LEAST_SECRET_CHARS:
                forms = (secret, json.dumps(secret)[1:-1], escape(secret), quote(secret, safe=""), quote(secret))
                yield from dict.fromkeys(forms)
