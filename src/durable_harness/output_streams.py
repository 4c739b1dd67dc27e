"""A command survives output that cannot be written: its reader may have left, or its disk may be full.

`durable-harness serve | head -1` keeps serving, and a comparison whose reader left still has its reports and its exit
code. Output that is lost for any other reason is reported.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from durable_harness.errors import ReportError
from durable_harness.platforms.encodings import PLAIN
from durable_harness.platforms.files import has_reader_left, is_console

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NAMES = {1: "stdout", 2: "stderr"}
REFUSING = ("strict", "backslashreplace")
"""How streams treat characters that their encoding lacks. No command shall fail for one, nor show it as a number."""


class LostOutput:
    """Why streams could not be written, as far as that is worth a word."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}

    def note(self, stream: str, error: OSError) -> None:
        """Note why a stream cannot be written."""
        if not has_reader_left(error):
            self._problems.setdefault(stream, error.strerror or str(error))

    def report(self) -> None:
        """Report on stderr which output was lost."""
        for stream, problem in self._problems.items():
            sys.stderr.write(f"error: {stream} cannot be written ({problem}): what was printed is lost\n")

    def exit_code(self, code: int) -> int:
        """Return the exit code of a command: that of a missing report if nothing else is wrong with it."""
        return code or (ReportError.exit_code if self._problems else 0)


@contextlib.contextmanager
def unbroken_output() -> Iterator[LostOutput]:
    """Suppress errors of writing to stdout and stderr until the block ends."""
    before = (sys.stdout, sys.stderr)
    lost = keep_output_unbroken()
    try:
        yield lost
    finally:
        flush(sys.stdout)
        if not sys.stderr.closed:
            lost.report()
            flush(sys.stderr)
        sys.stdout, sys.stderr = before


def flush(stream: TextIO) -> None:
    """Write out what a stream holds. One that user code has closed holds nothing."""
    if not stream.closed:
        stream.flush()


def keep_output_unbroken() -> LostOutput:
    """Do so from now on.

    Streams that are not this process's own, such as those of a test that captures them, stay as they are.
    """
    lost = LostOutput()
    sys.stdout, sys.stderr = _unbroken(sys.stdout, 1, lost), _unbroken(sys.stderr, 2, lost)
    return lost


def _unbroken(stream: TextIO | None, descriptor: int, lost: LostOutput) -> TextIO:
    if stream is None:  # as `>&-` leaves it
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or _descriptor_of(stream) != descriptor or is_console(stream):
        return stream
    stream.flush()
    raw = _Sink(descriptor, lost)
    # Python writes through, without a buffer, where it was started with -u.
    binary = io.BufferedWriter(raw) if isinstance(stream.buffer, io.BufferedWriter) else raw
    return io.TextIOWrapper(
        cast("io.BufferedWriter", binary),
        stream.encoding,
        PLAIN if stream.errors in REFUSING else stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _descriptor_of(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


class _Sink(io.RawIOBase):
    """Writes to a descriptor of the process, and to nowhere once that has failed."""

    def __init__(self, descriptor: int, lost: LostOutput) -> None:
        self.name = f"<{NAMES[descriptor]}>"
        self._descriptor, self._lost = descriptor, lost

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BlockingIOError:
            raise
        except OSError as error:
            self._lost.note(NAMES[self._descriptor], error)
            self._give_up()
        return size

    def _give_up(self) -> None:
        """Send the rest, also what child processes print, to nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._descriptor)
        os.close(nowhere)
