"""The rules of the Functions host for the routes of HTTP functions. A function that breaks one is left out alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from durable_harness.host.app.functions import BrokenFunction, Function

HTTP_TRIGGER = "httptrigger"
RESERVED = ("admin", "runtime")
"""What no route may begin with: the host compares text, not segments."""


def route_of(function: Function) -> str:
    """Return the template of a function's route, its name if it has none."""
    given = str(function.trigger.get("route") or "")
    return (given if given.strip() else function.name).strip("/")


def methods_of(function: Function) -> frozenset[str]:
    """Return the methods of a function's route; none stands for all."""
    return frozenset(function.methods)


def refused_routes(functions: Sequence[Function], where: str) -> Iterator[BrokenFunction]:
    """Yield the functions whose routes the host does not take. Of two that conflict, the first by name keeps it."""
    taken: list[Function] = []
    for function in sorted(_of_http(functions), key=lambda function: function.name.upper()):
        problem = _problem(function, taken)
        if problem is None:
            taken.append(function)
        else:
            described = f"{where}: function {function.name}: {problem}\n  Azure refuses this function too."
            yield BrokenFunction(function.name, "", described)


def _of_http(functions: Sequence[Function]) -> list[Function]:
    return [function for function in functions if function.trigger_type.lower() == HTTP_TRIGGER]


def _problem(function: Function, taken: Sequence[Function]) -> str | None:
    route = route_of(function)
    for reserved in RESERVED:
        if route.lower().startswith(reserved):
            return (
                f"the route '{route}' begins with '{reserved}', which is reserved for the host, whatever follows it."
                " Choose another route."
            )
    other = next((other for other in taken if _conflict(function, other)), None)
    if other is None:
        return None
    return (
        f"the route '{route}' is that of function {other.name} too, with a method in common (no methods means all)."
        " The first by name keeps it."
    )


def _conflict(one: Function, other: Function) -> bool:
    if route_of(one).lower() != route_of(other).lower():
        return False
    methods, others = methods_of(one), methods_of(other)
    return not methods or not others or bool(methods & others)
