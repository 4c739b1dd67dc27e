"""Apps of decorated functions: `function_app.py` and the one app object in it."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from durable_harness.errors import AppLoadError
from durable_harness.host.app.functions import Function
from durable_harness.host.app.importing import importing
from durable_harness.host.app.indexing import index, place_of
from durable_harness.host.app.retries import SETTING, read_policy, retry_problem

if TYPE_CHECKING:
    import azure.functions


def decorated_functions(script: Path) -> list[Function]:
    """Import the script and index the functions of its app object."""
    app = _find_app(_import(script), script)
    try:
        built = app.get_functions()
    except Exception as error:
        raise AppLoadError(f"{script.name}: the functions cannot be indexed: {error}") from error
    return [_index(function, script.parent) for function in built]


def _import(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    with importing(script.name, script.parent):
        spec.loader.exec_module(module)
    return module


def _find_app(module: ModuleType, script: Path) -> azure.functions.FunctionRegister:
    """Return the app object. One object under two names counts as two, as it does in Azure."""
    from azure.functions import FunctionRegister  # noqa: PLC0415 - the app pays for this import anyway

    found = {name: value for name, value in vars(module).items() if isinstance(value, FunctionRegister)}
    if len(found) > 1:
        raise AppLoadError(
            f"{script.name}: more than one app object at the top level ({', '.join(found)}). Keep exactly one name."
        )
    if not found:
        raise AppLoadError(f"{script.name}: no app object. Create one: app = azure.durable_functions.DFApp()")
    return next(iter(found.values()))


def _index(built: azure.functions.Function, directory: Path) -> Function:
    policy = built.get_settings_dict(SETTING)
    problem = retry_problem(policy)
    if problem is not None:
        raise AppLoadError(
            f"{place_of(built.get_user_function(), directory)}: function {built.get_function_name()}: its retry policy:"
            f" {problem}."
        )
    function = index(
        built.get_function_name(),
        built.get_user_function(),
        trigger=_plain(built.get_trigger().get_dict_repr()),
        bindings=[_plain(binding.get_dict_repr()) for binding in built.get_bindings()],
        directory=directory,
    )
    return dataclasses.replace(function, retry=read_policy(policy))


def _plain(binding: dict[str, object]) -> dict[str, object]:
    """Turn the enumerations of a binding into the text that function.json has."""
    return {
        key: [_text(item) for item in value] if isinstance(value, list | tuple) else _text(value)
        for key, value in binding.items()
    }


def _text(value: object) -> object:
    return str(value) if hasattr(value, "value") and hasattr(value, "name") else value
