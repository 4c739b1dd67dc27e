"""An app's functions as the host sees them, whichever model they were written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from durable_harness.host.app.near_limits import NearLimits
from durable_harness.host.app.retries import RetryPolicy

UserCallable = Callable[..., Any]  # type: ignore[explicit-any]  # its result is a value, or is awaited for one
"""A function of the app."""
BUILT_IN_HTTP_ACTIVITY = "BuiltIn::HttpActivity"
TRIGGERS = {"orchestrator": "orchestrationtrigger", "activity": "activitytrigger", "entity": "entitytrigger"}


@dataclass(frozen=True)
class Function:
    """One function: its trigger and bindings as `function.json` would have them, and the Python callable."""

    name: str
    trigger: Mapping[str, object]
    bindings: tuple[Mapping[str, object], ...]
    call: UserCallable
    is_async: bool
    wants_context: bool
    directory: Path | None = None
    """The function's own folder if it has one, as function.json functions do."""
    has_return: bool = True
    """Whether a binding takes what it returns. If none does, Azure fails an invocation that returns a value."""
    retry: RetryPolicy | None = None
    disabled_by: str | None = None
    """What switches it off, None if nothing does."""
    plain_types: Mapping[str, type] = field(default_factory=dict)
    """The parameters annotated `str` or `bytes` that get or write just that, whatever their binding's own type is."""
    sdk_types: Mapping[str, str] = field(default_factory=dict)
    """The parameters that take objects of a service's own SDK, such as a BlobClient, with the names of their types."""

    @cached_property
    def trigger_type(self) -> str:
        return str(self.trigger["type"])

    @cached_property
    def trigger_parameter(self) -> str:
        return str(self.trigger["name"])

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Return the HTTP methods that its trigger names, in upper case; none stands for all."""
        named = self.trigger.get("methods")
        return tuple(str(method).upper() for method in named) if isinstance(named, Iterable) else ()

    @cached_property
    def durable_name(self) -> str:
        """Return the name under which orchestrations and clients know it."""
        given = self.trigger.get("orchestration") or self.trigger.get("activity") or self.trigger.get("entityName")
        return str(given or self.name)


class BrokenFunction(NamedTuple):
    """A function that does not load although the others of its app do."""

    name: str
    durable_name: str
    problem: str


@dataclass
class FunctionApp:
    """All functions of an app by kind. Durable functions are found by name without regard to case."""

    directory: Path
    functions: list[Function]
    warnings: tuple[str, ...] = ()
    """What the person who starts the app should know about the way it is laid out."""
    disabled: tuple[Function, ...] = ()
    """Functions that are in the app and switched off: they run by hand only."""
    broken: tuple[BrokenFunction, ...] = ()
    """Functions that do not load. They may be among `functions`, each invocation failing with the reason."""
    near_limits: NearLimits = field(default_factory=NearLimits)
    """What came near a limit while the app ran."""
    orchestrators: dict[str, Function] = field(init=False)
    activities: dict[str, Function] = field(init=False)
    entities: dict[str, Function] = field(init=False)

    def __post_init__(self) -> None:
        self.orchestrators = self._by_name("orchestrationTrigger")
        self.activities = self._by_name("activityTrigger")
        self.entities = self._by_name("entityTrigger")

    def _by_name(self, trigger_type: str) -> dict[str, Function]:
        return {f.durable_name.lower(): f for f in self.functions if f.trigger_type.lower() == trigger_type.lower()}

    def unknown(self, kind: str, name: str) -> str:
        """Return the message that there is no orchestrator, activity or entity function of this name, and why."""
        for function in self.disabled:
            if function.durable_name.lower() == name.lower() and function.trigger_type.lower() == TRIGGERS[kind]:
                return f"The {kind} function '{name}' is disabled, by {function.disabled_by}."
        if (problem := self.load_problem(name)) is not None:
            return f"The {kind} function '{name}' does not load: {problem}"
        functions = [f for f in self.functions if f.trigger_type.lower() == TRIGGERS[kind]]
        known = ", ".join(sorted(function.durable_name for function in functions)) or "none"
        return f"The {kind} function '{name}' does not exist in this app. Known ones: {known}."

    def load_problem(self, durable_name: str) -> str | None:
        """Return why a function does not load, None if it does or if there is no such function."""
        problems = (one.problem for one in self.broken if one.durable_name.lower() == durable_name.lower())
        return next(problems, None)

    @property
    def is_passthrough(self) -> bool:
        """Whether the protocol's messages pass through to the SDK, as they do to 2.x. The extension asks this too."""
        return any(binding.get("durableRequiresGrpc") for f in self.functions for binding in f.bindings)

    @property
    def all(self) -> tuple[Function, ...]:
        """Return the functions of the app, disabled ones too."""
        return (*self.functions, *self.disabled)

    @property
    def http(self) -> list[Function]:
        return [f for f in self.functions if f.trigger_type.lower() == "httptrigger"]

    @property
    def disabled_http(self) -> list[Function]:
        return [f for f in self.disabled if f.trigger_type.lower() == "httptrigger"]

    @property
    def others(self) -> list[Function]:
        return [f for f in self.functions if f.trigger_type.lower() != "httptrigger"]
