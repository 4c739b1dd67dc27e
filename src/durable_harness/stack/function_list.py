"""The list of functions that the host prints when it is ready, laid out as Core Tools does."""

from __future__ import annotations

from collections.abc import Mapping

from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.app.routes import route_of


def function_list(app: FunctionApp, base_url: str, route_prefix: str, notes: Mapping[str, str]) -> str:
    """Return the lines from `Functions:` on: HTTP functions with methods and URL, then the rest with their trigger.

    `notes` says by the name of a function what makes it run.
    """
    prefix = f"/{route_prefix}" if route_prefix else ""
    lines = ["", "Functions:", ""]
    broken = {one.name for one in app.broken}
    for function in app.http:
        if function.name in broken:
            continue
        methods = ",".join(function.methods)
        shown = f"[{methods}]" if methods else ""
        lines += [f"\t{function.name}: {shown} {base_url}{prefix}/{route_of(function)}", ""]
    for function in app.others:
        if function.name in broken:
            continue
        words = [function.trigger_type, notes.get(function.name)]
        lines += [f"\t{function.name}: {', '.join(filter(None, words))}", ""]
    for one in app.broken:
        lines += [f"\t{one.name}: does not load", ""]
    for function in app.disabled:
        lines += [f"\t{function.name}: disabled", ""]
    return "\n".join(lines)
