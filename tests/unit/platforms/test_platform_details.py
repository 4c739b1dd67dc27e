"""Details of the room of platforms: files that are in use, codes of sockets, and text that cannot be encoded."""

import codecs
import errno
import os
import time

import pytest

from durable_harness.platforms import clocks, files, locks
from durable_harness.platforms.encodings import PLAIN
from durable_harness.platforms.sockets import meaning_of


class Busy:
    """A file that another process has open for some tries."""

    def __init__(self, tries):
        self.left, self.replaced = tries, []

    def replace(self, target):
        """Rename it, or refuse."""
        if self.left:
            self.left -= 1
            raise PermissionError(errno.EACCES, "in use")
        self.replaced.append(target)


@pytest.fixture
def naps(monkeypatch):
    """Return the pauses that were made; each of them takes a moment of a clock that stands otherwise."""
    made = []
    monkeypatch.setattr(files.time, "monotonic", lambda: 100.0 + sum(made))
    monkeypatch.setattr(files.time, "sleep", made.append)
    return made


def test_a_file_in_use_is_waited_for(naps, monkeypatch):
    """Windows refuses to replace a file that is open: it is tried until that is over."""
    monkeypatch.setattr(files.sys, "platform", "win32")
    source = Busy(3)
    files.put_in_place(source, "target")
    assert source.replaced == ["target"]
    assert len(naps) == 3


@pytest.mark.parametrize(("platform", "naps_at_least"), [("win32", 1), ("linux", 0)])
def test_a_file_that_stays_in_use_is_an_error(naps, monkeypatch, platform, naps_at_least):
    """After a while, and elsewhere at once, it is what it looks like: a lack of permission."""
    monkeypatch.setattr(files.sys, "platform", platform)
    with pytest.raises(PermissionError):
        files.put_in_place(Busy(10_000), "target")
    assert (len(naps) >= naps_at_least) is True
    assert sum(naps) <= files.PATIENCE_S + files.TRY_INTERVAL_S


def test_the_meaning_of_a_code_is_the_systems():
    """A code of a socket has the text of the system."""
    assert meaning_of(errno.ECONNREFUSED) == os.strerror(errno.ECONNREFUSED)


def test_the_plain_handler_is_for_encoding_alone():
    """Bytes that cannot be decoded are an error as ever."""
    with pytest.raises(UnicodeDecodeError):
        codecs.decode(b"\xff", "utf-8", PLAIN)


def test_a_lock_is_waited_for(monkeypatch):
    """It is tried again until the other process has released it."""
    tries = iter([False, False, True])
    waits = []
    monkeypatch.setattr(locks, "try_lock", lambda _file: next(tries))
    monkeypatch.setattr(locks.time, "sleep", waits.append)
    locks.lock(None)
    assert waits == [locks.CHECK_INTERVAL_S] * 2


def test_a_clock_that_a_system_lacks_is_passed_over(monkeypatch):
    """The next one is taken; without any of them the monotonic clock is."""
    real = time.clock_gettime_ns

    def without_the_first(number):
        if number == time.CLOCK_BOOTTIME:
            raise OSError(errno.EINVAL, "no such clock")
        return real(number)

    monkeypatch.setattr(clocks.time, "clock_gettime_ns", without_the_first)
    assert clocks._steady().args == (time.CLOCK_MONOTONIC,)
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):
        monkeypatch.delattr(clocks.time, name)
    assert clocks._steady() is clocks.monotonic_ns
