"""Where in code something happened, as people write it: `function_app.py:80`, from the app's folder on.

What is not the app's own is machinery: this host, the SDK, Python's library and whatever is installed beside them.
"""

from __future__ import annotations

import functools
import re
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_PACKAGES = re.compile(r"(?:^|[/\\])(?:site|dist)-packages[/\\](.+)$")
_LIBRARY = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "platstdlib")})
_HARNESS = Path(__file__).resolve().parent
_NAMESPACES = frozenset({"azure", "google", "opentelemetry"})
"""Top-level names that many packages share: the one below them says which."""
_FRAME = re.compile(r'^  File "([^"]+)", line (\d+)(?:, in (.+))?', re.MULTILINE)
_PLACE_AT_END = re.compile(r"\([^()\n]{1,400}\.py:\d+\)$")
_folders: list[Path] = []


class Place(NamedTuple):
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


def _package(parts: Iterable[str]) -> str:
    first, *rest = parts
    name = first if first not in _NAMESPACES or not rest else f"{first}.{rest[0]}"
    return name.removesuffix(".py")


def place_in(trace: str) -> Place | None:
    """Return the app's own last line in a traceback that is text, None if there is none."""
    found = (Place(frame[1], int(frame[2]), frame[3] or "") for frame in _FRAME.finditer(trace))
    return next((place for place in reversed(list(found)) if machinery(place.file) is None), None)


def names_place(text: str) -> bool:
    """Return whether the first line of a text ends with a place: it hands on a failure that has one."""
    return _PLACE_AT_END.search(text.partition("\n")[0].rstrip()) is not None
