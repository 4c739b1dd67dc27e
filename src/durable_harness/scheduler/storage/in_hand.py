"""What activities workers have in hand, in a small file beside the store's that outlives the death of a process.

A transaction for each dispatch would cost more than most activities. So each has a slot of 16 bytes that is written as
it is handed out and zeroed once its outcome is committed, without a sync: the death of the machine may lose it, that of
the process does not.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

from durable_harness.logs.own_loggers import own_logger

logger = own_logger("durable_harness.scheduler")

SLOT = struct.Struct("<qq")
FREE = bytes(SLOT.size)
NO_SLOT = -1

Task = tuple[int, int]
"""The key of an instance, and the id of an activity in its history."""


def in_hand_of(path: Path) -> Path:
    """Return the path of the slots that belong to the file of a store."""
    return path.with_name(f"{path.name}-in-hand")


class InHand:
    """The slots of a store."""

    def __init__(self, path: Path) -> None:
        self._path = in_hand_of(path)
        self._file: int | None = None
        self._free: list[int] = []
        self._count = 0
        self.left: dict[Task, int] = {}
        """What a process had handed out that ended suddenly, with its slots."""
        try:
            self._file = self._open()
        except OSError as error:
            self._fail(error)

    def take(self, instance_key: int, task_id: int) -> int:
        """Note that an activity is handed out; return its slot."""
        if self._file is None:
            return NO_SLOT
        if self._free:
            slot = self._free.pop()
        else:
            slot = self._count
            self._count += 1
        self._write(self._file, slot, SLOT.pack(instance_key, task_id + 1))
        return slot

    def release(self, slot: int) -> None:
        """Note that an activity is in no worker's hands any more."""
        if self._file is not None and slot != NO_SLOT:
            self._free.append(slot)
            self._write(self._file, slot, FREE)

    def forget_left(self) -> None:
        """Release what was left of instances that do not wait for it."""
        for slot in self.left.values():
            self.release(slot)
        self.left.clear()

    def close(self) -> None:
        """Close the file, and remove it unless the next process needs it."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if len(self._free) == self._count:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _open(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        content = os.read(file, os.fstat(file).st_size)
        self._count = len(content) // SLOT.size
        for slot, (key, task) in enumerate(SLOT.iter_unpack(content[: self._count * SLOT.size])):
            if task:
                self.left[key, task - 1] = slot
            else:
                self._free.append(slot)
        return file

    def _write(self, file: int, slot: int, data: bytes) -> None:
        try:
            _write_at(file, data, slot * SLOT.size)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        logger.warning("%s: %s. Which activities a sudden end repeats is not noted.", self._path, error)
        self._file = None


def _seek_and_write(file: int, data: bytes, offset: int) -> int:
    os.lseek(file, offset, os.SEEK_SET)
    return os.write(file, data)


_write_at = getattr(os, "pwrite", _seek_and_write)  # Windows has none
