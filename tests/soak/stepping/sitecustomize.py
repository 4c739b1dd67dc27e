"""The wall clock of the scheduler in a process under test, off by the seconds in a file.

Imported by the interpreter at its start, since the folder is on the path. Only `time.time_ns` is off, which the
scheduler's clock reads: grpc adds `time.time` to its timeouts and compares with the true clock. (libfaketime would
change it for all code, but its version in Debian 12 breaks `time.sleep` when the monotonic clock is to be true.)
"""

import os
import time
from pathlib import Path

READ_AGAIN_S = 0.1
NANOSECONDS = 1_000_000_000


class _Offset:
    """The offset that the file has; read again now and then, as long as it can be read."""

    def __init__(self, path):
        self._path, self._read_at, self._ns = path, 0.0, 0

    def ns(self):
        now = time.monotonic()
        if now - self._read_at > READ_AGAIN_S:
            self._read_at = now
            text = self._path.read_text()
            self._ns = int(text) * NANOSECONDS if text.strip() else self._ns
        return self._ns


def _install(path):
    offset, real_ns = _Offset(path), time.time_ns
    time.time_ns = lambda: real_ns() + offset.ns()


if "SOAK_CLOCK_OFFSET" in os.environ:
    _install(Path(os.environ["SOAK_CLOCK_OFFSET"]))
