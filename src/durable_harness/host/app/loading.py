"""Loading an app: which of the two models it is written in, and what holds for both."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from durable_harness.errors import AppLoadError, ConfigurationError
from durable_harness.host.app.decorators import decorated_functions
from durable_harness.host.app.disabled import unless_switched_off
from durable_harness.host.app.function_json import check_generation, described_functions
from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.importing import make_importable
from durable_harness.host.app.models import FUNCTION_FILE, function_folders, script_of

HOST_JSON = "host.json"
OWN_ROUTES = frozenset({"admin", "runtime"})


def load_app(
    directory: Path, only: Collection[str] | None = None, allowed: Collection[str] | None = None
) -> FunctionApp:
    """Import an app's script and index its functions.

    `only` names those to keep, as `func start --functions` does; without it `allowed` does, the list in host.json.

    Raises AppLoadError, which says what is wrong and where in the app's own code.
    """
    directory = directory.resolve()
    script, folders = script_of(directory), function_folders(directory)
    if not script.exists() and not folders:
        raise AppLoadError(
            f"There is no {script.name} in {directory}, and no folder with a {FUNCTION_FILE}. Name the folder of your"
            " app with --app."
        )
    make_importable(directory)
    if script.exists():
        functions, where = decorated_functions(script), script.name
    else:
        check_generation(folders[0])
        functions, where = described_functions(directory), directory.name
    warnings = _warnings(script, folders) if script.exists() else ()
    if only:
        functions = _select(functions, only, where)
    elif allowed:
        warnings += _not_there(functions, allowed, where)
        functions = _named(functions, allowed)
    if not functions:
        raise AppLoadError(f"{where}: no functions found. Register at least one with a decorator of your app object.")
    functions = [unless_switched_off(function, os.environ) for function in functions]
    enabled = [function for function in functions if function.disabled_by is None]
    _check_routes(enabled, where)
    return FunctionApp(
        directory,
        enabled,
        disabled=tuple(function for function in functions if function.disabled_by is not None),
        warnings=warnings,
    )


def _warnings(script: Path, folders: Sequence[Path]) -> tuple[str, ...]:
    """Say which functions are not there: with a script, Azure asks only the script for them."""
    if not folders:
        return ()
    names = ", ".join(folder.name for folder in folders)
    left_out = f"As {script.name} is there, functions with a {FUNCTION_FILE} are not loaded: {names}."
    return (f"both models are in this app. {left_out}",)


def _check_routes(functions: list[Function], where: str) -> None:
    seen: dict[str, tuple[str, set[str]]] = {}
    for function in functions:
        if function.trigger_type.lower() != "httptrigger":
            continue
        route = str(function.trigger.get("route") or function.name).strip("/").lower()
        if route.split("/")[0] in OWN_ROUTES:
            raise AppLoadError(f"{where}: function {function.name}: the route '{route}' is the host's own.")
        methods = {str(m).upper() for m in function.trigger.get("methods") or ()}
        other, taken = seen.get(route, ("", set()))
        if other and (not methods or not taken or methods & taken):
            raise AppLoadError(
                f"{where}: functions {other} and {function.name} have the same route '{route}' and methods."
            )
        seen[route] = (function.name, taken | methods)


def _select(functions: list[Function], only: Collection[str], where: str) -> list[Function]:
    unknown = _unknown(functions, only)
    if unknown:
        raise ConfigurationError(
            "--functions", unknown[0], f"{where} has no such function.", f"It has: {_names(functions)}"
        )
    return _named(functions, only)


def _not_there(functions: list[Function], allowed: Collection[str], where: str) -> tuple[str, ...]:
    """Warn of names in host.json that no function has: Azure's host passes over them, and so does this one.

    Raises ConfigurationError if no function is left.
    """
    unknown = ", ".join(f"'{name}'" for name in _unknown(functions, allowed))
    if not _named(functions, allowed):
        raise ConfigurationError(
            HOST_JSON, "functions", f"{where} has none of these functions: {unknown}.", f"It has: {_names(functions)}"
        )
    return (f"{HOST_JSON}: functions: {where} has no {unknown}. It has: {_names(functions)}",) if unknown else ()


def _unknown(functions: list[Function], names: Collection[str]) -> list[str]:
    known = {function.name.lower() for function in functions}
    return [name for name in names if name.lower() not in known]


def _named(functions: list[Function], names: Collection[str]) -> list[Function]:
    wanted = {name.lower() for name in names}
    return [function for function in functions if function.name.lower() in wanted]


def _names(functions: list[Function]) -> str:
    return ", ".join(function.name for function in functions)
