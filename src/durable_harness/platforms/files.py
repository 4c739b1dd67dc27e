"""Files that others may have open, and streams whose readers leave."""

from __future__ import annotations

import errno
import io
import itertools
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""Names that Windows keeps for itself, with whatever extension."""
MOST_NAME_CHARS = 100
PATIENCE_S = 5.0
TRY_INTERVAL_S = 0.02


def plain_name(text: str) -> str:
    """Return a file name, without an extension, that every platform allows."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:MOST_NAME_CHARS].rstrip(".") or "_"
    return f"_{name}" if name.partition(".")[0].lower() in DEVICES else name


def different_names(texts: Iterable[str]) -> Iterator[str]:
    """Yield such a name for each text; no two differ in their case alone, which macOS and Windows do not see."""
    taken: set[str] = set()
    for plain in map(plain_name, texts):
        names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
        name = next(name for name in names if name.lower() not in taken)
        taken.add(name.lower())
        yield name


def put_in_place(source: Path, target: Path) -> None:
    """Rename a file over another one. Windows refuses that while the other one is open: wait until it is not."""
    deadline = time.monotonic() + (PATIENCE_S if sys.platform == "win32" else 0)
    while True:
        try:
            source.replace(target)
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(TRY_INTERVAL_S)
        else:
            return


def has_reader_left(error: OSError) -> bool:
    """Return whether a write failed because whoever read has left."""
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)


def is_console(stream: io.TextIOWrapper) -> bool:
    """Return whether a stream is a console of Windows, which has an encoding of its own."""
    return sys.platform == "win32" and stream.isatty()
