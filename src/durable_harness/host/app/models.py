"""Where the two models of Python apps keep their functions. Nothing is imported to find that out."""

from __future__ import annotations

import os
import re
from pathlib import Path

from durable_harness.errors import ConfigurationError

FUNCTION_FILE = "function.json"
DEFAULT_SCRIPT = "function_app.py"
SCRIPT_VARIABLE = "PYTHON_SCRIPT_FILE_NAME"
SCRIPT_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]*\.py")


def is_app(directory: Path) -> bool:
    """Whether a folder has functions of either model."""
    return script_of(directory).is_file() or bool(function_folders(directory))


def script_of(directory: Path) -> Path:
    """Return where the app's script would be. Raises ConfigurationError for a name that Azure does not take."""
    name = os.environ.get(SCRIPT_VARIABLE) or DEFAULT_SCRIPT
    if not SCRIPT_NAME.fullmatch(name):
        raise ConfigurationError(
            "environment", SCRIPT_VARIABLE, f"{name!r} is not the name of a Python file.", f"Such as {DEFAULT_SCRIPT}."
        )
    return directory / name


def function_folders(directory: Path) -> list[Path]:
    """Return the folders of an app that are functions."""
    return sorted(file.parent for file in directory.glob(f"*/{FUNCTION_FILE}") if file.is_file())
