"""The routes of an app, for a request that none of them answers: most often it is misspelt."""

from __future__ import annotations

import difflib
import re
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from durable_harness.host.http.constraints import RouteTimeoutError, constraint
from durable_harness.operations import HttpResponse
from durable_harness.testing.requesting import HttpClient
from durable_harness.wording.foreign_text import shown_lines

FUNCTIONS_PATH = "/admin/functions"
NOT_FOUND, NOT_ALLOWED = 404, 405
ANSWER_TIMEOUT_S = 2.0
ANY = "(any method)"
LEAST_LIKENESS = 0.6
_ORIGIN = re.compile(r"^\w+://[^/]*")
_PARAMETER = re.compile(r"\{[^{}]*\}")


class AppRoute(NamedTuple):
    """A way to call an HTTP function."""

    methods: tuple[str, ...]
    """Empty if it takes any."""
    path: str

    def __str__(self) -> str:
        return f"{','.join(self.methods) or ANY} {self.path}"

    def misfit(self, path: str) -> str:
        """Return which parameter's constraint a part of a path does not meet; empty if all are met, or not known."""
        pieces = [re.escape(piece) for piece in _PARAMETER.split(self.path)]
        found = re.fullmatch("([^/]*)".join(pieces), path, re.IGNORECASE)
        pairs = zip(_PARAMETER.findall(self.path), found.groups() if found else (), strict=False)
        return next((f"{value!r} is not {parameter}" for parameter, value in pairs if not _fits(parameter, value)), "")

    def is_of(self, path: str) -> bool:
        """Return whether a path is one of this route's, whatever the constraints of its parameters."""
        pieces = [re.escape(piece) for piece in _PARAMETER.split(self.path)]
        return re.fullmatch(".*".join(pieces), path, re.IGNORECASE) is not None


def explain_unknown_route(client: HttpClient, method: str, url: str, answer: HttpResponse) -> str:
    """Return a message on a request to an unknown route; empty if the function itself answered 404."""
    if answer.status not in {NOT_FOUND, NOT_ALLOWED}:
        return ""
    path = urlsplit(url).path
    routes = _routes(client)
    if not routes or path.startswith(("/runtime/", "/admin/")):
        return ""
    known = [route for route in routes if route.is_of(path)]
    meant = [route for route in known if not route.methods or method.upper() in route.methods]
    if meant:
        misfits = [f"  {route}: {misfit}" for route in meant if (misfit := route.misfit(unquote(path)))]
        if len(misfits) < len(meant):
            return ""
        return shown_lines("\n".join([f"{method} {path}: no route takes this path ({answer.status}).", *misfits]))
    if known:
        return f"{method} {path}: this route takes {', '.join(known[0].methods)} only ({answer.status})."
    near = difflib.get_close_matches(path, [route.path for route in routes], 1, LEAST_LIKENESS)
    hint = next((f" Did you mean {route}?" for route in routes if [route.path] == near), "")
    listed = "\n".join(f"  {route}" for route in routes)
    return shown_lines(f"{method} {path}: the app has no such route ({answer.status}).{hint}\nIts routes:\n{listed}")


def _fits(parameter: str, value: str) -> bool:
    """Return whether a value meets the constraints of a parameter, such as `{id:int:min(3)}`."""
    texts = re.split(r":(?![^()]*\))", parameter.strip("{}").partition("=")[0].removesuffix("?"))[1:]
    try:
        return all(constraint(text).accepts(unquote(value)) for text in texts if value)
    except (ValueError, RouteTimeoutError):
        return True


def _routes(client: HttpClient) -> list[AppRoute]:
    answer = client.request("GET", FUNCTIONS_PATH, timeout_s=ANSWER_TIMEOUT_S)
    found = answer.json_value() if isinstance(answer, HttpResponse) and answer.is_success else None
    functions = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    # A template is no URL: `{name?}` has a question mark in its path.
    return [
        AppRoute(_methods(one), _ORIGIN.sub("", one["invoke_url_template"])) for one in functions if _is_called(one)
    ]


def _is_called(function: dict[str, Any]) -> bool:
    return isinstance(function.get("invoke_url_template"), str)


def _methods(function: dict[str, Any]) -> tuple[str, ...]:
    bindings = (function.get("config") or {}).get("bindings") or ()
    methods = (one.get("methods") for one in bindings if str(one.get("type", "")).lower() == "httptrigger")
    return tuple(str(method).upper() for method in next(methods, None) or ())
