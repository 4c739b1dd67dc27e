"""The list of functions that the host prints when it is ready, laid out as Core Tools does."""

from __future__ import annotations

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.http.routing import route_template

DURABLE = frozenset({"orchestrationtrigger", "activitytrigger", "entitytrigger"})


def function_list(app: FunctionApp, base_url: str, route_prefix: str) -> str:
    """Return the lines from `Functions:` on: HTTP functions with methods and URL, then the rest with their trigger."""
    prefix = f"/{route_prefix}" if route_prefix else ""
    lines = ["", "Functions:", ""]
    for function in app.http:
        methods = ",".join(str(method).upper() for method in function.trigger.get("methods") or ())
        shown = f"[{methods}]" if methods else ""
        lines += [f"\t{function.name}: {shown} {base_url}{prefix}/{route_template(function)}", ""]
    for function in app.others:
        lines += [f"\t{function.name}: {function.trigger_type}{_note(function, base_url)}", ""]
    for function in app.disabled:
        lines += [f"\t{function.name}: disabled", ""]
    return "\n".join(lines)


def _note(function: Function, base_url: str) -> str:
    """Return what a trigger that nothing pulls here needs to run."""
    kind = function.trigger_type.lower()
    return "" if kind in DURABLE else f", runs by hand only: POST {base_url}/admin/functions/{function.name}"
