"""Mistakes in files of scenarios, as errors of usage that name the user's own line.

Both ways to run them need it: `durable-harness load`, and Locust's own command once a scenario has imported us. Locust
patches the standard library first, so what is imported here must be little.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from durable_harness.errors import HarnessError, UsageError


def error_of(path: str, error: Exception) -> HarnessError:
    """Return the error to report if a file of scenarios raised `error` when it was imported."""
    if isinstance(error, HarnessError):
        return error
    return UsageError(f"{_shown(path)} does not import: {type(error).__name__}: {_text(error)}{_place(error)}")


def _text(error: Exception) -> str:
    """Return an error's message; that of a SyntaxError without its place, which is shown by itself."""
    return str(error.msg if isinstance(error, SyntaxError) else error)


def _place(error: Exception) -> str:
    """Return the last line of the user's own that the error came through, on a line by itself."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"\n  {_shown(error.filename)}:{error.lineno}: {(error.text or '').strip()}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    return f"\n  {_shown(own[-1].filename)}:{own[-1].lineno}: {own[-1].line}" if own else ""


def _is_own(filename: str) -> bool:
    """Return whether a file is the user's: not installed, ours, Python's, or the script that runs Locust."""
    path = Path(filename)
    is_installed = {"site-packages", "dist-packages"} & set(path.parts)
    is_script = path.parent.name in {"bin", "Scripts"}
    is_ours = Path(__file__).parent in path.parents
    return not (is_installed or is_script or is_ours or filename.startswith(("<", str(Path(os.__file__).parent))))


def _shown(path: str) -> str:
    """Return a path as seen from here, if it is below."""
    return os.path.relpath(path) if Path.cwd() in Path(path).resolve().parents else path
