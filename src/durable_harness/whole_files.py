"""Files that are there whole, or as they were before."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from durable_harness.platforms.files import put_in_place


def write_whole(path: Path, text: str) -> None:
    r"""Write a text file beside its place, then put it there; what UTF-8 cannot hold is written as `\ud800`.

    Raises OSError if that cannot be; what was there before is there still.
    """
    write_whole_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_whole_bytes(path: Path, content: bytes) -> None:
    """Write a file as `write_whole` does."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(content)
        put_in_place(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
