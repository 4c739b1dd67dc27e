"""The functions of an app that start operations, from the host's own list of functions.

A starter takes a method that may change something and has a durable client. Its code may do something else with it,
such as raise an event, which the list does not show. A route like `orchestrators/{functionName}` is a starter for each
orchestrator of the app. Parameters that the load fills in (`{number}`, `{token}`) may stay in a route.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from durable_harness.errors import UsageError
from durable_harness.load.http import Asker
from durable_harness.operations import HttpResponse
from durable_harness.wording.foreign_text import shown

FUNCTIONS_PATH = "/admin/functions"
ANSWER_TIMEOUT_S = 10.0
CLIENTS = frozenset({"durableclient", "orchestrationclient"})
FILLED = frozenset({"number", "token", "duration"})
"""Parameters of a path that the load fills in."""
ORCHESTRATOR_PARAMETERS = frozenset(
    {"functionname", "orchestrator", "orchestratorname", "orchestration", "orchestrationname"}
)
ORCHESTRATOR_FOLDERS = frozenset(
    {
        *("orchestrator", "orchestrators", "orchestration", "orchestrations"),
        "start",
        "begin",
        "run",
        "workflow",
        "workflows",
    }
)
"""What stands before a parameter, of any name, that is an orchestrator's name."""
METHODS = ("POST", "PUT", "PATCH", "DELETE")
"""Of starts, the likeliest first; functions with other methods only read."""
PARAMETER = re.compile(r"\{(\*{0,2})(\w+)([^{}]*)\}")
EXAMPLES = {
    **dict.fromkeys(("int", "long", "decimal", "double", "float"), "{number}"),
    "bool": "true",
    "datetime": "2026-01-31",
    "alpha": "name",
}
"""What a parameter with a constraint takes; any other takes the token, which a guid may be too."""
MOST_LISTED = 20


class Starter(NamedTuple):
    """A request by which an app starts operations."""

    path: str
    function: str
    needs: tuple[str, ...] = ()
    """Parameters of the path that only the user can fill in."""
    method: str = METHODS[0]

    route: str = ""
    """The path with the constraints of its parameters, which whoever fills them in must know."""

    def __str__(self) -> str:
        return shown(f"{self.method} {(self.needs and self.route) or self.path}  ({self.function})")

    @property
    def options(self) -> str:
        """The options that name it."""
        method = "" if self.method == METHODS[0] else f" --start-method {self.method}"
        return f"--start-path {self.path}{method}"


class App(NamedTuple):
    """What is known of an app."""

    starters: tuple[Starter, ...]
    routes: tuple[str, ...]
    """All HTTP functions, as `GET /api/orders`."""

    @property
    def ready(self) -> list[Starter]:
        """The starters whose paths need nothing that only the user knows."""
        return [starter for starter in self.starters if not starter.needs]

    def describe(self) -> list[str]:
        """Return lines on how the app starts operations, or on what else it has."""
        if self.starters:
            return ["The app may start operations by:", *_listed(map(str, self.starters))]
        if self.routes:
            methods = f"{', '.join(METHODS[:-1])} or {METHODS[-1]}"
            lacks = f"No function of the app has a durable client and takes {methods}; its HTTP functions are:"
            return [lacks, *_listed(self.routes)]
        return ["The app has no HTTP function."]

    def how_to_name(self) -> str:
        """Return how to name a start, if none is ready."""
        if not self.starters:
            return "Name the path that starts operations with --start-path (and --start-method)"
        first = self.starters[0]
        needed = ", ".join(f"{{{name}}}" for name in first.needs)
        example = first._replace(path=PARAMETER.sub(_example, first.route or first.path)).options
        return (
            f"Fill in {needed}: give the path with --start-path, in which {{number}} counts the operations and "
            f"{{token}} is unique, such as {example}"
        )


def ask_for_app(asker: Asker, base_url: str, headers: Mapping[str, str]) -> App | None:
    """Ask a host for its functions; None if it does not list them, as most do not without their master key."""
    answer = asker.get(f"{base_url}{FUNCTIONS_PATH}", headers, ANSWER_TIMEOUT_S)
    functions = answer.json_value() if isinstance(answer, HttpResponse) and answer.is_success else None
    if not isinstance(functions, list) or not all(isinstance(function, dict) for function in functions):
        return None
    return read_app(functions, urlsplit(base_url).path)


def read_app(functions: Sequence[Mapping[str, Any]], base_path: str = "") -> App:
    """Read the list of a host; paths are returned without what the base URL of the host has already."""
    enabled = [function for function in functions if not function.get("isDisabled")]
    orchestrators = [name for function in enabled for name in _orchestrators(function)]
    starters: list[Starter] = []
    routes: list[str] = []
    for function in enabled:
        trigger = _binding(function, {"httptrigger"})
        template = function.get("invoke_url_template")
        if trigger is None or not isinstance(template, str):
            continue
        # A route may have a question mark, with which no query begins.
        path = f"/{template.partition('://')[2].partition('/')[2]}".removeprefix(base_path)
        methods = [str(method).upper() for method in trigger.get("methods") or ()]
        routes.append(shown(f"{','.join(methods) or 'any method'} {path}"))
        method = next((method for method in METHODS if not methods or method in methods), None)
        if _binding(function, CLIENTS) is not None and method is not None:
            named = str(function.get("name"))
            starters += (starter._replace(method=method) for starter in _starters(path, named, orchestrators))
    starters.sort(key=lambda starter: METHODS.index(starter.method))
    return App(tuple(starters), tuple(routes))


def chosen_starter(app: App, default_path: str, method: str | None = None) -> Starter:
    """Return the one starter of an app, or that at the default path; raise UsageError if there is none, or a choice.

    Without a `method` that was asked for, one that takes POST goes before those that take others.
    """
    ready = [starter for starter in app.ready if starter.method == method] or app.ready
    for starter in ready:
        if starter.path == default_path:
            return starter
    likeliest = [starter for starter in ready if starter.method == ready[0].method]
    if len(likeliest) == 1:
        return likeliest[0]
    if ready:
        lines = [
            f"the app has {len(ready)} ways to start operations; choose one:",
            *_listed(map(str, ready)),
            f"such as {ready[0].options}. A scenario of your own names its own: start_path.",
        ]
    else:
        service = "." if app.starters else ", or describe the service with --service FILE."
        lines = ["it is not known where operations start.", *app.describe(), f"{app.how_to_name()}{service}"]
    raise UsageError("\n  ".join(lines))


def _starters(path: str, function: str, orchestrators: Sequence[str]) -> Iterator[Starter]:
    """Yield the starters of a route: one, or one for each orchestrator if it takes a name."""
    parameters = [found for found in PARAMETER.finditer(path) if found[2].lower() not in FILLED]
    names = [found for found in parameters if _is_orchestrator(path, found)]
    if len(names) == 1 and orchestrators:
        for orchestrator in orchestrators:
            filled = path[: names[0].start()] + orchestrator + path[names[0].end() :]
            yield _starter(filled, function)
    else:
        yield _starter(path, function)


def _starter(path: str, function: str) -> Starter:
    """Return a starter, its path without optional parameters at the end, and the names of the others alone."""
    shortened = re.sub(r"(?:/\{\w+(?:[^{}]*\?|=[^{}]*)\})+$", "", path)
    plain = PARAMETER.sub(lambda found: f"{{{found[2]}}}", shortened)
    needs = tuple(found[2] for found in PARAMETER.finditer(plain) if found[2].lower() not in FILLED)
    return Starter(plain, function, needs, route=shortened)


def _example(parameter: re.Match[str]) -> str:
    """Return what may stand for a parameter: what the load fills in, or a value if its constraint allows no other."""
    if parameter[2].lower() in FILLED:
        return f"{{{parameter[2]}}}"
    bound = re.search(r":(?:min|max|range)\(\s*(-?\d+)", parameter[3])
    if bound is not None:
        return bound[1]
    kinds = {kind.lower() for kind in re.findall(r":(\w+)", re.sub(r"\([^()]*\)", "", parameter[3]))}
    return next((example for kind, example in EXAMPLES.items() if kind in kinds), "{token}")


def _is_orchestrator(path: str, parameter: re.Match[str]) -> bool:
    folder = path[: parameter.start()].rstrip("/").rpartition("/")[2].lower()
    return parameter[2].lower().replace("_", "") in ORCHESTRATOR_PARAMETERS or folder in ORCHESTRATOR_FOLDERS


def _orchestrators(function: Mapping[str, Any]) -> Iterator[str]:
    trigger = _binding(function, {"orchestrationtrigger"})
    if trigger is not None:
        yield str(trigger.get("orchestration") or function.get("name"))


def _binding(function: Mapping[str, Any], types: Iterable[str]) -> Mapping[str, Any] | None:
    """Return the first binding of one of some types, written in lower case."""
    config = function.get("config")
    bindings = config.get("bindings") if isinstance(config, Mapping) else None
    for binding in bindings if isinstance(bindings, list) else ():
        if isinstance(binding, Mapping) and str(binding.get("type")).lower() in types:
            return binding
    return None


def _listed(lines: Iterable[str]) -> list[str]:
    indented = [f"  {line}" for line in lines]
    more = len(indented) - MOST_LISTED
    return [*indented[:MOST_LISTED], f"  and {more} more"] if more > 0 else indented
