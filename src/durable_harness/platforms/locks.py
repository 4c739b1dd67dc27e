"""Locks on open files, which the system releases when their holder dies, in whatever way.

The locked file is a database: its content stays, and nothing is put beside it. Libraries for this empty the file that
they lock, or lock its first bytes, which on Windows no process can read then.
"""

from __future__ import annotations

import sys
import time
from typing import IO, Any

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

CHECK_INTERVAL_S = 0.05
FAR_BEYOND_ANY_CONTENT = 1 << 42


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed; return False if another process has locked it."""
    try:
        if sys.platform == "win32":
            file.seek(FAR_BEYOND_ANY_CONTENT)  # locking begins where the file stands
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def lock(file: IO[Any]) -> None:
    """Lock an open file until it is closed, as soon as no other process has locked it."""
    while not try_lock(file):
        time.sleep(CHECK_INTERVAL_S)
