"""The option `--version`: what is installed, as it is asked for in reports of problems."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

from durable_harness import __version__

SDK = "azure-functions-durable"


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add the option to the parser of all commands."""
    parser.add_argument(
        "--version",
        action=_ShowVersion,
        nargs=0,
        default=argparse.SUPPRESS,
        help=f"show the versions of this package, Python and {SDK}",
    )


def version_line() -> str:
    """Return the version of this package, of Python and of the SDK."""
    return f"durable-harness {__version__} (Python {platform.python_version()}, {_sdk()})"


def _sdk() -> str:
    try:
        return f"{SDK} {version(SDK)}"
    except PackageNotFoundError:
        return f"no {SDK}"


class _ShowVersion(argparse.Action):
    """Ends the command with the line, which is made only if it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        sys.stdout.write(f"{version_line()}\n")
        parser.exit()
