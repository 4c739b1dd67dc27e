"""The folder of an app: a plain argument or `--app`, in every command that takes one."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.wording.misspellings import hint

VARIABLE, FORMER_VARIABLE = "DURABLE_HARNESS_APP", "DURABLE_HARNESS_APP_DIR"


def add_app_folder(parser: argparse.ArgumentParser) -> None:
    """Add the argument; `app_folder` reads it. `--app` has been called `--app-dir`, which is taken still."""
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="folder of the function app")
    add_app_option(parser, "--app-dir")


def add_app_option(parser: Any, *former: str, use: str = "") -> None:
    """Add the option alone, with the names that it has besides and, where not obvious, its `use`."""
    default = _default()
    meaning = f"folder of the function app{use} ({default})"
    parser.add_argument("--app", *former, dest="app", default=default, metavar="DIR", help=meaning)


def _default() -> str:
    return os.environ.get(VARIABLE) or os.environ.get(FORMER_VARIABLE) or os.curdir


def app_folder(options: argparse.Namespace) -> Path:
    """Return the folder; raise UsageError if it does not exist, or if two are named."""
    folder, named = getattr(options, "folder", None), Path(options.app)
    if folder is not None and named not in (folder, Path(_default())):
        raise UsageError(f"--app {named}: the folder {folder} is named too. Leave one of them out.")
    found = Path(named if folder is None else folder)
    if not found.is_dir():
        raise UsageError(f"{_source(folder, named)}: {no_folder(found)}")
    return found


def no_folder(path: Path) -> str:
    """Return why a path is not an app's folder, with the one that was probably meant."""
    refused = f"got '{path}', expected the folder of a function app"
    if path.is_file():
        return f"{refused}, not a file. Leave out the file's name."
    return f"{refused}{near_folder(path)}"


def near_folder(path: Path) -> str:
    """Return a line that proposes a folder beside `path` with a name like its own, or nothing."""
    with contextlib.suppress(OSError):  # there is nothing to propose in a folder that cannot be read
        return hint(path.name, [each.name for each in path.parent.iterdir() if each.is_dir()])
    return ""


def _source(folder: Path | None, named: Path) -> str:
    """Return what the user wrote the folder in."""
    if folder is not None:
        return "FOLDER"
    variable = next((name for name in (VARIABLE, FORMER_VARIABLE) if os.environ.get(name)), "--app")
    return variable if named == Path(_default()) else "--app"
