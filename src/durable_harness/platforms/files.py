"""Files that others may have open, and streams whose readers leave."""

from __future__ import annotations

import errno
import io
import sys
import time
from pathlib import Path

PATIENCE_S = 5.0
TRY_INTERVAL_S = 0.02


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
