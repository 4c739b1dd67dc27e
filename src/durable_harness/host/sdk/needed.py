"""Which generation of azure-functions-durable an app is written for, read from how it fails on the other one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import NamedTuple

from durable_harness.host.app.functions import UserCallable

MODULE = "azure.durable_functions"
ONLY_IN = {
    1: frozenset({"models", "entity", "openai_agents", "DurableFunctionsCompatibilityWarning"})
    | {"durable_openai_agent_orchestrator"},
    2: frozenset({"DurableFunctionsClient", "SyncDurableFunctionsClient", "DurableHttpRequest", "DurableHttpResponse"})
    | {"DurableOrchestrationStatus", "EntityStateResponse", "PurgeHistoryResult", "RetryPolicy", "TokenSource"}
    | {"configure_history_export", "configure_large_payloads", "configure_scheduled_tasks"}
    | {"client", "http", "internal", "worker"},
}
"""Names of the package, its submodules and its app object that one generation has and the other does not."""


class Needed(NamedTuple):
    """A generation, and what of it an app uses."""

    generation: int
    name: str


def needed_generation(error: BaseException, installed: int) -> Needed | None:
    """Return which other generation has what an error reports as missing, None if it is another error."""
    for cause in _causes(error):
        for name in _missing(cause):
            for generation, names in ONLY_IN.items():
                if generation != installed and name in names:
                    return Needed(generation, name)
    return None


def takes_input(call: UserCallable) -> bool:
    """Whether the app's own orchestrator or entity, which the SDK has wrapped, must be given two arguments."""
    own = getattr(call, "orchestrator_function", None) or getattr(call, "entity_function", None)
    try:
        parameters = inspect.signature(own).parameters.values() if callable(own) else ()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in positional and each.default is each.empty for each in parameters) > 1


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _missing(error: BaseException) -> Iterator[str]:
    """Return the names that the SDK lacks by an error."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith(f"{MODULE}."):
        yield (error.name or "").removeprefix(f"{MODULE}.").partition(".")[0]
    elif isinstance(error, ImportError) and error.name == MODULE:
        yield str(error).partition("cannot import name '")[2].partition("'")[0]
    elif isinstance(error, AttributeError) and _is_of_sdk(error.obj):
        yield str(error.name)


def _is_of_sdk(owner: object) -> bool:
    module = getattr(owner, "__name__", None) if type(owner).__name__ == "module" else type(owner).__module__
    return str(module).startswith(MODULE)
