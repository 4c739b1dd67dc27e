"""Apps of folders: each folder with a `function.json` is a function. SDK 1.x only.

The file names the script, the function to call and its bindings. Scripts are modules of the package `__app__`,
which is the app's folder, so that functions import from each other and from shared code, relatively or by full name.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from durable_harness.errors import AppLoadError
from durable_harness.host.app.function_file import FunctionFile, read_function_file
from durable_harness.host.app.functions import BrokenFunction, Function, UserCallable
from durable_harness.host.app.importing import importing
from durable_harness.host.app.indexing import index
from durable_harness.host.app.models import FUNCTION_FILE, function_folders

PACKAGE = "__app__"
SDK = "azure-functions-durable"
NEWEST_GENERATION = 1
FOUND_BY_NAME = frozenset({"orchestrationtrigger", "entitytrigger"})


def check_generation(folder: Path) -> None:
    """Raise AppLoadError if the SDK that is installed has decorators only."""
    version = importlib.metadata.version(SDK)
    if int(version.partition(".")[0]) > NEWEST_GENERATION:
        raise AppLoadError(
            f"{folder.name}/{FUNCTION_FILE}: such apps need {SDK} {NEWEST_GENERATION}.x, and {version} is installed."
            f"\n  Install that one: pip install '{SDK}<{NEWEST_GENERATION + 1}'"
        )


class FunctionLoadError(Exception):
    """Raised by each invocation of a function that does not load, as Azure's host does for its worker."""


def described_functions(directory: Path) -> tuple[list[Function], tuple[BrokenFunction, ...]]:
    """Import each folder's script and index its function; return the functions, and those that do not load.

    As in Azure these do not keep the others from running. A function whose file cannot be used is not there. Of the
    rest each invocation fails with the reason, orchestrators and entities by not being found.
    """
    functions: list[Function] = []
    broken: list[BrokenFunction] = []
    files = [file for folder in function_folders(directory) if (file := _read(folder, broken)) is not None]
    _make_package(directory)
    for file in files:
        try:
            functions.append(_load(file))
        except AppLoadError as error:
            failing = _failing(file, str(error))
            broken.append(BrokenFunction(file.name, failing.durable_name, str(error)))
            if failing.trigger_type.lower() not in FOUND_BY_NAME:
                functions.append(failing)
    return functions, tuple(broken)


def _read(folder: Path, broken: list[BrokenFunction]) -> FunctionFile | None:
    try:
        return read_function_file(folder)
    except AppLoadError as error:
        broken.append(BrokenFunction(folder.name, folder.name, str(error)))
        return None


def _failing(file: FunctionFile, problem: str) -> Function:
    def fail(**_arguments: object) -> NoReturn:
        raise FunctionLoadError(problem)

    trigger = next(binding for binding in file.bindings if is_trigger(binding))
    return Function(file.name, trigger, file.bindings, fail, is_async=False, wants_context=False, directory=file.folder)


def _make_package(directory: Path) -> None:
    spec = importlib.machinery.ModuleSpec(PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(directory)]
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)


def _load(file: FunctionFile) -> Function:
    call = _callable(file)
    trigger = next(binding for binding in file.bindings if is_trigger(binding))
    function = index(
        file.name,
        call,
        trigger=trigger,
        bindings=file.bindings,
        directory=file.folder.parent,
        own_folder=file.folder,
    )
    return replace(function, retry=file.retry, disabled_by=f"its {FUNCTION_FILE}" if _is_on(file.disabled) else None)


def is_trigger(binding: Mapping[str, object]) -> bool:
    """Whether a binding is what starts the function."""
    return str(binding["type"]).lower().endswith("trigger")


def _callable(file: FunctionFile) -> UserCallable:
    app = file.folder.parent
    script = file.script.relative_to(app)
    parts = script.parent.parts if script.stem == "__init__" else (*script.parent.parts, script.stem)
    with importing(str(script), app):
        module = importlib.import_module(".".join((PACKAGE, *parts)))
    call: UserCallable | None = getattr(module, file.entry_point, None)
    if not callable(call):
        raise AppLoadError(
            f"{file.shown}: entryPoint: there is no function {file.entry_point}() in {script}. Define it, or name"
            " another one in entryPoint."
        )
    return call


def _is_on(switch: bool | str) -> bool:  # noqa: FBT001 - as the file has it
    """Read `disabled`: true, false or the name of an app setting, with or without percent signs."""
    if isinstance(switch, bool):
        return switch
    return os.environ.get(switch.strip("%"), "").lower() in {"1", "true"}
