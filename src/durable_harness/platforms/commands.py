"""Commands of others: run in the place of this process, and found in a virtual environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from durable_harness.platforms.signals import ENDING_SIGNALS


def become(words: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run a command that gets the signals for this process, and whose exit code is this process's own."""
    if sys.platform == "win32":
        for number in ENDING_SIGNALS:  # the command gets them as well, and decides when it is over
            signal.signal(number, lambda _number, _frame: None)
        with subprocess.Popen(words, env=environment) as child:  # noqa: S603 - what the caller wants run
            raise SystemExit(child.wait())
    os.execve(words[0], list(words), environment)  # noqa: S606 - same


def python_of(virtual_environment: Path) -> Path:
    """Return the Python of a virtual environment."""
    return virtual_environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
