"""How many files and sockets a process may have open."""

from __future__ import annotations

import contextlib
import sys

if sys.platform != "win32":
    import resource


def allow_open_files(needed: int) -> int:
    """Raise the open-file limit to `needed`, or as far as the system allows; return the limit."""
    if sys.platform == "win32":
        return needed  # no limit that a program would meet
    else:  # noqa: RET505 - how mypy is shown what is of one platform
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= needed:
            return needed
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS has a limit beside the one that it names
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
        return soft
