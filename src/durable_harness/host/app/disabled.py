"""Functions that app settings switch off, by `AzureWebJobs.NAME.Disabled` as everywhere in Azure Functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from durable_harness.host.app.functions import Function

SWITCHED_ON = frozenset({"true", "1"})


def unless_switched_off(function: Function, environ: Mapping[str, str]) -> Function:
    """Return a function as it is, or as disabled if an app setting disables it. Case and separators do not count."""
    setting = f"AzureWebJobs.{function.name}.Disabled"
    words = (value for name, value in environ.items() if _plain(name) == _plain(setting))
    if any(word.strip().lower() in SWITCHED_ON for word in words):
        return dataclasses.replace(function, disabled_by=f"the app setting {setting}")
    return function


def _plain(name: str) -> str:
    return name.replace("__", ".").replace(":", ".").lower()
