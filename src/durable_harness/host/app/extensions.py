"""Python worker extensions: hooks of packages into the loading and the invocations of functions.

They register with azure-functions when they are imported or made. As in Azure's worker their hooks run
only with a setting, in its order, and one that fails is logged and passed over.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Protocol

from azure.functions import ExtensionMeta

from durable_harness.host.app.functions import Function, UserCallable

SETTING = "PYTHON_ENABLE_WORKER_EXTENSIONS"
ON = frozenset({"1", "t", "true", "y", "yes"})
OF_SDK = "azure.durable_functions."
"""Where the SDK has an extension of its own: 2.x closes its clients by one, and by itself where none runs."""
WITHOUT = (3, 13)
"""The first Python version whose worker in Azure runs no extensions."""
LOGGER = "azure_functions_worker.extension"


def are_enabled() -> bool:
    return os.environ.get(SETTING, "").lower() in ON


def warnings_of_extensions() -> tuple[str, ...]:
    """Return what the person who starts the app should know about the extensions that it has registered."""
    names = ", ".join(_registered())
    if not names:
        return ()
    if not are_enabled():
        return (f"worker extensions are not run, as in Azure without {SETTING}=1: {names}.",)
    if sys.version_info >= WITHOUT:
        return (f"worker extensions are run here; in Azure the worker of Python 3.13 and later runs none: {names}.",)
    return ()


def run_load_hooks(function: Function, directory: str) -> None:
    """Run the hooks of a function that has been loaded."""
    if are_enabled():
        _run_each(_of_function(function), "post_function_load", function.name, directory)
        _run_each(_of_app(), "post_function_load_app_level", function.name, directory)


def hooked(function: Function, context: object, arguments: Mapping[str, object]) -> UserCallable:
    """Return a function's callable with the hooks before it, and those after it if it succeeds."""

    def before() -> None:
        _run_logged(_of_app(), "pre_invocation_app_level", context, arguments)
        _run_logged(_of_function(function), "pre_invocation", context, arguments)

    def after(result: object) -> object:
        _run_logged(_of_function(function), "post_invocation", context, arguments, result)
        _run_logged(_of_app(), "post_invocation_app_level", context, arguments, result)
        return result

    async def call_async(**given: object) -> object:
        before()
        return after(await function.call(**given))

    def call(**given: object) -> object:
        before()
        return after(function.call(**given))

    return call_async if function.is_async else call


class _Hook(Protocol):
    """A hook of an extension, as azure-functions keeps it."""

    ext_name: str
    ext_impl: UserCallable


_Hooks = Iterable[Iterable[_Hook]]
"""The hooks of each moment; each moment's are an attribute with its name too."""


def _of_app() -> _Hooks | None:
    hooks: _Hooks | None = ExtensionMeta.get_application_hooks()
    return hooks


def _of_function(function: Function) -> _Hooks | None:
    hooks: _Hooks | None = ExtensionMeta.get_function_hooks(function.name)
    return hooks


def _registered() -> list[str]:
    """Return the names of the extensions that are not the SDK's own."""
    known = json.loads(ExtensionMeta.get_registered_extensions_json())
    of_functions = [name for names in known.get("FuncExtension", {}).values() for name in names]
    own = {hook.ext_name for hooks in _of_app() or () for hook in hooks if _module(hook).startswith(OF_SDK)}
    return sorted({*of_functions, *known.get("AppExtension", [])} - own)


def _module(hook: _Hook) -> str:
    return str(getattr(hook.ext_impl, "__module__", ""))


def _run_logged(hooks: _Hooks | None, name: str, *arguments: object) -> None:
    """Run hooks that are given a logger."""
    for hook in getattr(hooks, name, ()):
        logger = logging.getLogger(f"{LOGGER}.{hook.ext_name}")
        _run(hook, logger, *arguments)


def _run_each(hooks: _Hooks | None, name: str, *arguments: object) -> None:
    for hook in getattr(hooks, name, ()):
        _run(hook, *arguments)


def _run(hook: _Hook, *arguments: object) -> None:
    try:
        hook.ext_impl(*arguments)
    except Exception:
        logging.getLogger(f"{LOGGER}.{hook.ext_name}").exception("The worker extension %s failed.", hook.ext_name)
