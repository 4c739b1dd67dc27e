"""Loading an app: which of the two models it is written in, and what holds for both."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from durable_harness.errors import AppLoadError, ConfigurationError
from durable_harness.host.app.decorators import decorated_functions
from durable_harness.host.app.disabled import unless_switched_off
from durable_harness.host.app.extensions import warnings_of_extensions
from durable_harness.host.app.function_json import check_generation, described_functions
from durable_harness.host.app.functions import BrokenFunction, Function, FunctionApp
from durable_harness.host.app.importing import make_importable
from durable_harness.host.app.models import FUNCTION_FILE, function_folders, script_of
from durable_harness.host.app.routes import refused_routes

HOST_JSON = "host.json"


def load_app(
    directory: Path, only: Collection[str] | None = None, allowed: Collection[str] | None = None
) -> FunctionApp:
    """Import an app's script and index its functions.

    `only` names those to keep, as `func start --functions` does; without it `allowed` does, the list in host.json.

    Raises AppLoadError with what is wrong and where in the app's own code.
    """
    directory = directory.resolve()
    script, folders = script_of(directory), function_folders(directory)
    if not script.exists() and not folders:
        raise AppLoadError(
            f"There is no {script.name} in {directory}, and no folder with a {FUNCTION_FILE}. Name the folder of your"
            " app with --app (pytest: --app-dir)."
        )
    make_importable(directory)
    broken: tuple[BrokenFunction, ...] = ()
    if script.exists():
        functions, where = decorated_functions(script), script.name
    else:
        check_generation(folders[0])
        (functions, broken), where = described_functions(directory), directory.name
    warnings = _warnings(script, folders) if script.exists() else ()
    known = list(dict.fromkeys([*(function.name for function in functions), *(one.name for one in broken)]))
    if only:
        _check_names(only, known, where)
    elif allowed:
        warnings += _not_there(allowed, known, where)
    wanted = {name.lower() for name in only or allowed or known}
    functions = [function for function in functions if function.name.lower() in wanted]
    broken = tuple(one for one in broken if one.name.lower() in wanted)
    refused = tuple(refused_routes(functions, where))
    functions, broken = _without(functions, refused), (*broken, *refused)
    _check_any(functions, broken, where)
    functions = [unless_switched_off(function, os.environ) for function in functions]
    enabled = [function for function in functions if function.disabled_by is None]
    return FunctionApp(
        directory,
        enabled,
        disabled=tuple(function for function in functions if function.disabled_by is not None),
        warnings=(*warnings, *warnings_of_extensions()),
        broken=broken,
    )


def _warnings(script: Path, folders: Sequence[Path]) -> tuple[str, ...]:
    """Return a warning of functions that are not loaded: with a script, Azure reads only the script."""
    if not folders:
        return ()
    names = ", ".join(folder.name for folder in folders)
    left_out = f"As {script.name} is there, functions with a {FUNCTION_FILE} are not loaded: {names}."
    return (f"both models are in this app. {left_out}",)


def _without(functions: list[Function], refused: Sequence[BrokenFunction]) -> list[Function]:
    names = {one.name for one in refused}
    return [function for function in functions if function.name not in names]


def _check_names(only: Collection[str], known: list[str], where: str) -> None:
    unknown = _unknown(only, known)
    if unknown:
        raise ConfigurationError(
            "--functions", unknown[0], f"{where} has no such function.", f"It has: {', '.join(known)}"
        )


def _not_there(allowed: Collection[str], known: list[str], where: str) -> tuple[str, ...]:
    """Warn of names in host.json that no function has: Azure's host passes over them, and so does this one.

    Raises ConfigurationError if no function is left.
    """
    unknown = _unknown(allowed, known)
    names, has = ", ".join(f"'{name}'" for name in unknown), f"It has: {', '.join(known)}"
    if len(unknown) == len(allowed):
        raise ConfigurationError(HOST_JSON, "functions", f"{where} has none of these functions: {names}.", has)
    return (f"{HOST_JSON}: functions: {where} has no {names}. {has}",) if unknown else ()


def _unknown(names: Collection[str], known: list[str]) -> list[str]:
    lower = {name.lower() for name in known}
    return [name for name in names if name.lower() not in lower]


def _check_any(functions: list[Function], broken: Sequence[BrokenFunction], where: str) -> None:
    """Raise AppLoadError if there is nothing that could run."""
    if {function.name for function in functions} <= {one.name for one in broken}:
        if broken:
            raise AppLoadError("\n".join(one.problem for one in broken))
        raise AppLoadError(f"{where}: no functions found. Register at least one with a decorator of your app object.")
