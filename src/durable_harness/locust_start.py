"""Locust, which `load` becomes, with mistakes in files of scenarios as errors of usage.

Locust alone shows a traceback and ends with its code for failures, which a pipeline reads as a failed gate. Locust
patches the standard library, so it is imported before anything else, and what is imported here must be little.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import locust.main

from durable_harness.errors import HarnessError, UsageError
from durable_harness.exit_codes import ExitCode

LOCUST_FAILED = 1
NO_SCENARIO = (
    "There is no scenario to run: no file of scenarios has a class of ArrivalUser, or of another user of Locust, that "
    "is not marked `abstract = True`."
)
_load, _merge = locust.main.load_locustfile, locust.main.merge_locustfiles_content


def main() -> None:
    """Run Locust's command line."""
    sys.argv[0] = "durable-harness load"
    locust.main.load_locustfile = _loaded
    locust.main.merge_locustfiles_content = _merged
    locust.main.main()


def _loaded(path: str) -> Any:
    """Return what is in a file of scenarios; end if it does not import."""
    try:
        return _load(path)
    except HarnessError as error:
        _end(error)
    except Exception as error:  # noqa: BLE001 - whatever a user's file raises
        _end(UsageError(f"{_shown(path)} does not import: {type(error).__name__}: {_text(error)}{_place(error)}"))


def _merged(paths: list[str]) -> Any:
    """Return what is in all files; end if they have nothing to run, or two classes of one name."""
    try:
        found = _merge(paths)
    except SystemExit as ending:
        raise SystemExit(ExitCode.USAGE if ending.code == LOCUST_FAILED else ending.code) from None
    if not found[0]:
        _end(UsageError(NO_SCENARIO))
    return found


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
    is_installed = {"site-packages", "dist-packages"} & set(Path(filename).parts)
    is_ours = Path(__file__).parent in Path(filename).parents
    return not (is_installed or is_ours or filename.startswith(("<", str(Path(os.__file__).parent))))


def _shown(path: str) -> str:
    """Return a path as seen from here, if it is below."""
    return os.path.relpath(path) if Path.cwd() in Path(path).resolve().parents else path


def _end(error: HarnessError) -> NoReturn:
    sys.stderr.write(f"error: {error}\n")
    raise SystemExit(error.exit_code) from None
