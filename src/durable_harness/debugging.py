"""Whether a debugger is attached to this process: time limits must not run out at a breakpoint."""

from __future__ import annotations

import sys

NO_LIMIT_S = 7 * 86_400.0
"""What a limit becomes while a debugger is attached."""


def has_debugger() -> bool:
    """Return whether a debugger of debugpy's family (VS Code, PyCharm) is attached. It costs two look-ups."""
    debugpy = sys.modules.get("debugpy")
    if debugpy is not None and hasattr(debugpy, "is_client_connected"):
        return bool(debugpy.is_client_connected())
    # A process that a debugged one has started, and PyCharm, have the debugger's engine alone.
    engine = sys.modules.get("_pydevd_bundle.pydevd_constants")
    return engine is not None and engine.get_global_debugger() is not None


def unless_debugged(limit_s: float) -> float:
    """Return a limit, or one that is never reached if this process is debugged."""
    return NO_LIMIT_S if has_debugger() else limit_s
