"""Where in code something happened, as people write it: `function_app.py:80`, from the app's folder on.

What is not the app's own is machinery: this host, the SDK, Python's library and whatever is installed beside them.
"""

from __future__ import annotations

import functools
import linecache
import re
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

_PACKAGES = re.compile(r"(?:^|[/\\])(?:site|dist)-packages[/\\](.+)$")
_LIBRARY = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib")})
_HARNESS = Path(__file__).resolve().parents[1]
_NAMESPACES = frozenset({"azure", "google", "opentelemetry"})
"""Top-level names that many packages share: the one below them says which."""
FRAME = re.compile(r'^  File "([^"]+)", line (\d+)(?:, in (.+))?', re.MULTILINE)
_PLACE_AT_END = re.compile(r"\([^()\n]{1,400}\.py:\d+\)$")
_WRAPPERS = frozenset({"sync_wrapper", "async_wrapper"})
_HANDED_ON = "TaskFailedError"
_MOST_LINKS = 20
FAKE = "<fake>"
"""The name of the frame of what a fake raises: the file and the line are the test's."""
INTRODUCED = ("Orchestrator function '", "Activity function '", "Entity function '")
"""How messages begin that name the function that failed."""
_folders: list[Path] = []


class CodePlace(NamedTuple):
    """A line of code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{shown_file(self.file)}:{self.line}"

    def as_frame(self) -> str:
        """Return it as a line of a traceback."""
        return f'  File "{self.file}", line {self.line}, in {self.function}\n'


def add_app_folder(folder: Path) -> None:
    """Show files below this folder from there on."""
    if folder not in _folders:
        _folders.append(folder)


def shown_file(file: str) -> str:
    """Return a file as people know it: from the app's folder on if it is in there, else as it is."""
    path = Path(file)
    within = [folder for folder in _folders if path.is_relative_to(folder)]
    return str(path.relative_to(max(within, key=lambda folder: len(folder.parts)))) if within else file


def shown_place(place: str | None) -> str | None:
    """Return a `file:line` with its file as people know it."""
    if place is None:
        return None
    file, _, line = place.rpartition(":")
    return f"{shown_file(file)}:{line}"


@functools.lru_cache(maxsize=4096)
def machinery(file: str) -> str | None:
    """Return which package a file is of; None if it is the app's own."""
    if Path(file).is_relative_to(_HARNESS):
        return "durable_harness"
    installed = _PACKAGES.search(file)
    if installed is not None:
        return _package(re.split(r"[/\\]", installed[1]))
    if file.startswith("<"):
        return "Python" if file.startswith("<frozen") else None
    for library in _LIBRARY:
        if Path(file).is_relative_to(library):
            return _package(Path(file).relative_to(library).parts)
    return None


def package_of(file: str, function: str) -> str | None:
    """Return which package a frame is of; None if it is the app's own.

    SDK 2.x gives the wrappers that it makes of functions the file of the app, which defines none of their names.
    """
    package, name = machinery(file), function.rpartition(".")[2]
    is_wrapped = package is None and name in _WRAPPERS and not _defines(file, name)
    return "azure.durable_functions" if is_wrapped else package


def _defines(file: str, name: str) -> bool:
    return any(f"def {name}(" in line for line in linecache.getlines(file))


def _package(parts: Iterable[str]) -> str:
    first, *rest = parts
    name = first if first not in _NAMESPACES or not rest else f"{first}.{rest[0]}"
    return name.removesuffix(".py")


def place_in(trace: str) -> CodePlace | None:
    """Return the app's own last line in a traceback that is text, None if there is none."""
    found = (CodePlace(frame[1], int(frame[2]), frame[3] or "") for frame in FRAME.finditer(trace))
    return next((place for place in reversed(list(found)) if package_of(place.file, place.function) is None), None)


def described(failure: Any) -> str:
    """Return a TaskFailureDetails as people read it: `KeyError: 'id' (function_app.py:80)`.

    SDK 1.x has put type and place into the message. 2.x keeps them apart, and with a task that failed what it raised.
    """
    message, place = str(failure.errorMessage), place_in(failure.stackTrace.value)
    if message.startswith(INTRODUCED) or names_place(message):
        return message
    error_type = failure.errorType.rpartition(".")[2]
    cause = _cause(failure) if error_type == _HANDED_ON else None
    where = cause or (None if place is None else str(place))
    return f"{error_type}: {message}{'' if where is None else f' ({where})'}"


def _cause(failure: Any) -> str | None:
    """Return type and place of what a task raised whose failure an orchestrator handed on."""
    link = failure
    for _ in range(_MOST_LINKS):
        if not link.HasField("innerFailure"):
            break
        link = link.innerFailure
    place = place_in(link.stackTrace.value)
    return None if place is None or link is failure else f"{link.errorType.rpartition('.')[2]}, {place}"


def names_place(text: str) -> bool:
    """Return whether the first line of a text ends with a place: it hands on a failure that has one."""
    return _PLACE_AT_END.search(text.partition("\n")[0].rstrip()) is not None
