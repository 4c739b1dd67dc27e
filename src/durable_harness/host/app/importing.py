"""Importing an app's own code, and saying where in it an import failed."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from durable_harness.errors import AppLoadError
from durable_harness.wording.places import add_app_folder


def make_importable(directory: Path) -> None:
    """Make the app's own modules importable, now and later, from its folder and from `.python_packages`."""
    add_app_folder(directory)
    for path in (directory / ".python_packages" / "lib" / "site-packages", directory):
        if path.is_dir() and str(path) not in sys.path:
            sys.path.insert(0, str(path))


@contextlib.contextmanager
def importing(shown: str, directory: Path) -> Iterator[None]:
    """Turn whatever the app's code raises at import into an AppLoadError with the line that led to it."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise AppLoadError(f"{shown} does not import:{_described(error, directory)}{_hint(error)}") from error


def _described(error: BaseException, directory: Path) -> str:
    """Return the place in the app and the error, in Python's own words, its caret under what is wrong."""
    if isinstance(error, SyntaxError):
        return _indented(traceback.format_exception_only(error), directory)
    frame = _last_frame_within(directory, error)
    shown = [] if frame is None else traceback.StackSummary.from_list([frame]).format()
    return _indented([*shown, f"{type(error).__name__}: {error}"], directory)


def _indented(pieces: Iterable[str], directory: Path) -> str:
    """Return lines below a heading, with files as they are called within the app."""
    text = "".join(f"{piece.rstrip()}\n" for piece in pieces).replace(f'File "{directory}/', 'File "')
    return "".join(f"\n  {line.removeprefix('  ')}" for line in text.splitlines())


def _last_frame_within(directory: Path, error: BaseException) -> traceback.FrameSummary | None:
    packages = directory / ".python_packages"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(directory) and not file.is_relative_to(packages):
            return frame
    return None


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "\n  Install what the app needs into this environment: pip install -r requirements.txt"
    if isinstance(error, ValueError) and "patch loop" in str(error):
        return (
            "\n  From Python 3.13 on, functions run on uvloop in Azure too, which nest_asyncio cannot patch. Use Python"
            " 3.12 or older, or await instead of running the loop again."
        )
    return ""
