"""An app's functions as the host sees them, read from `function_app.py` the way the Python worker does."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_harness.errors import AppLoadError, ConfigurationError

DEFAULT_SCRIPT = "function_app.py"
BUILT_IN_HTTP_ACTIVITY = "BuiltIn::HttpActivity"


@dataclass(frozen=True)
class Function:
    """One function: its trigger and bindings as `function.json` would have them, and the Python callable."""

    name: str
    trigger: dict[str, Any]
    bindings: tuple[dict[str, Any], ...]
    call: Callable[..., Any]
    is_async: bool
    wants_context: bool

    @property
    def trigger_type(self) -> str:
        return str(self.trigger["type"])

    @property
    def trigger_parameter(self) -> str:
        return str(self.trigger["name"])

    @property
    def durable_name(self) -> str:
        """Return the name under which orchestrations and clients know it."""
        given = self.trigger.get("orchestration") or self.trigger.get("activity") or self.trigger.get("entityName")
        return str(given or self.name)


@dataclass
class FunctionApp:
    """All functions of an app by kind. Durable functions are found by name without regard to case."""

    directory: Path
    functions: list[Function]
    orchestrators: dict[str, Function] = field(init=False)
    activities: dict[str, Function] = field(init=False)
    entities: dict[str, Function] = field(init=False)

    def __post_init__(self) -> None:
        self.orchestrators = self._by_name("orchestrationTrigger")
        self.activities = self._by_name("activityTrigger")
        self.entities = self._by_name("entityTrigger")

    def _by_name(self, trigger_type: str) -> dict[str, Function]:
        return {f.durable_name.lower(): f for f in self.functions if f.trigger_type.lower() == trigger_type.lower()}

    @property
    def http(self) -> list[Function]:
        return [f for f in self.functions if f.trigger_type.lower() == "httptrigger"]

    @property
    def others(self) -> list[Function]:
        return [f for f in self.functions if f.trigger_type.lower() != "httptrigger"]


def load_app(directory: Path, only: Collection[str] | None = None) -> FunctionApp:
    """Import an app's script and index its functions; `only` names those to load (as `func start --functions` does).

    Raises AppLoadError that tells what is wrong and where in the app's own code.
    """
    script = directory / (os.environ.get("PYTHON_SCRIPT_FILE_NAME") or DEFAULT_SCRIPT)
    if not script.exists():
        raise AppLoadError(f"There is no {script.name} in {directory}. Name the folder of your app with --app.")
    with _importable(directory):
        module = _import(script)
    app = _find_app(module, script)
    try:
        built = app.get_functions()
    except Exception as error:
        raise AppLoadError(f"{script.name}: the functions cannot be indexed: {error}") from error
    functions = [_index(function, script) for function in built]
    _check_routes(functions, script)
    if only is not None:
        functions = _select(functions, only, script)
    if not functions:
        raise AppLoadError(
            f"{script.name}: no functions found. Register at least one with a decorator of your app object."
        )
    return FunctionApp(directory, functions)


@contextlib.contextmanager
def _importable(directory: Path) -> Iterator[None]:
    """Let the app import its own modules, now and later, from its folder and from `.python_packages`."""
    for path in (directory / ".python_packages" / "lib" / "site-packages", directory):
        if path.is_dir() and str(path) not in sys.path:
            sys.path.insert(0, str(path))
    yield


def _import(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise AppLoadError(f"{script.name} does not import: {_where(error, script)}{_hint(error)}") from error
    return module


def _where(error: BaseException, script: Path) -> str:
    """Return the error with the line of the app's own code that led to it."""
    described = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return described
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(script.parent)]
    if not frames:
        return described
    return f"{described}\n  at {Path(frames[-1].filename).name}, line {frames[-1].lineno}: {frames[-1].line}"


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "\n  Install what the app needs into this environment: pip install -r requirements.txt"
    return ""


def _find_app(module: Any, script: Path) -> Any:
    from azure.functions import FunctionRegister  # noqa: PLC0415 - the app pays for this import anyway

    found = {name: value for name, value in vars(module).items() if isinstance(value, FunctionRegister)}
    if len({id(value) for value in found.values()}) > 1:
        raise AppLoadError(f"{script.name}: more than one app object ({', '.join(found)}). Keep exactly one.")
    if not found:
        raise AppLoadError(f"{script.name}: no app object. Create one: app = azure.durable_functions.DFApp()")
    return next(iter(found.values()))


def _index(built: Any, script: Path) -> Function:
    name, call = built.get_function_name(), built.get_user_function()
    trigger = built.get_trigger().get_dict_repr()
    bindings = [binding.get_dict_repr() for binding in built.get_bindings()]
    parameters = _parameters(call)
    expected = {_text(b["name"]) for b in bindings} - {"$return"}
    given = set(parameters) - {"context"} | (expected & {"context"})
    if given != expected:
        raise AppLoadError(
            f"{script.name}: function {name}: its parameters ({', '.join(sorted(given)) or 'none'}) are not the names"
            f" of its bindings ({', '.join(sorted(expected)) or 'none'})."
        )
    return Function(
        name=name,
        trigger=_plain(trigger),
        bindings=tuple(_plain(binding) for binding in bindings),
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        wants_context="context" in parameters and "context" not in expected,
    )


def _parameters(call: Callable[..., Any]) -> list[str]:
    """Return the names a function takes; those that take anything (the SDK's own handles) are taken at their word."""
    for attribute in ("orchestrator_function", "entity_function"):
        if hasattr(call, attribute):
            return list(inspect.signature(getattr(call, attribute)).parameters)
    return list(inspect.signature(call).parameters)


def _plain(binding: dict[str, Any]) -> dict[str, Any]:
    """Turn the enumerations of a binding into the text that function.json has."""
    return {
        key: [_text(item) for item in value] if isinstance(value, list | tuple) else _text(value)
        for key, value in binding.items()
    }


def _text(value: Any) -> Any:
    return str(value) if hasattr(value, "value") and hasattr(value, "name") else value


def _check_routes(functions: list[Function], script: Path) -> None:
    seen: dict[str, tuple[str, set[str]]] = {}
    for function in functions:
        if function.trigger_type.lower() != "httptrigger":
            continue
        route = str(function.trigger.get("route") or function.name).strip("/").lower()
        if route.split("/")[0] in {"admin", "runtime"}:
            raise AppLoadError(f"{script.name}: function {function.name}: the route '{route}' is the host's own.")
        methods = {str(m).upper() for m in function.trigger.get("methods") or ()}
        other, taken = seen.get(route, ("", set()))
        if other and (not methods or not taken or methods & taken):
            raise AppLoadError(
                f"{script.name}: functions {other} and {function.name} have the same route '{route}' and methods."
            )
        seen[route] = (function.name, taken | methods)


def _select(functions: list[Function], only: Collection[str], script: Path) -> list[Function]:
    known = {function.name.lower() for function in functions}
    for name in only:
        if name.lower() not in known:
            names = ", ".join(function.name for function in functions)
            raise ConfigurationError("--functions", name, f"{script.name} has no such function.", f"It has: {names}")
    wanted = {name.lower() for name in only}
    return [function for function in functions if function.name.lower() in wanted]
