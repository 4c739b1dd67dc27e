"""Putting a watch around methods of libraries that an app may use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

from durable_harness.host.library_methods import Method

Wrap = Callable[[Method], Method]
MARK = "_is_watched_by_durable_harness"


def patch_each(owner: object, wraps: Mapping[str, Wrap]) -> bool:
    """Wrap methods of a class, or of one named `module.Class`; False if it is not installed or has no such methods."""
    found = _find(owner) if isinstance(owner, str) else owner
    if found is None or any(not callable(getattr(found, name, None)) for name in wraps):
        return False
    for name, wrap in wraps.items():
        original = getattr(found, name)
        if not getattr(original, MARK, False):
            watched = wrap(original)
            setattr(watched, MARK, True)
            setattr(found, name, watched)
    return True


def _find(path: str) -> object | None:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except Exception:  # noqa: BLE001 - it is not installed, or not whole: an app that needs it fails by itself
        return None
