"""Wait for sockets and for one moment at once: with epoll and a timerfd on Linux, with gevent's watchers elsewhere.

gevent's loop has a watcher and a callback for each socket, and timers of whole milliseconds. An epoll of our own
answers for all sockets in one call, with one descriptor for gevent to watch, and a timerfd in it keeps microseconds.
"""

from __future__ import annotations

import ctypes
import os
import sys
from abc import ABC, abstractmethod
from typing import Protocol

import gevent
from gevent.event import Event
from gevent.monkey import get_original

from durable_harness.platforms.clocks import monotonic

READ, WRITE = 1, 4
"""Bits of readiness; errors and hang-ups count as both."""


class Readiness(ABC):
    """Waits until descriptors can be read or written, or until a moment, and reports which."""

    @abstractmethod
    def add(self, fd: int, events: int) -> None:
        """Watch a descriptor for READ, WRITE or both."""

    @abstractmethod
    def change(self, fd: int, events: int) -> None:
        """Watch it for something else."""

    @abstractmethod
    def remove(self, fd: int) -> None:
        """Stop watching it; call this before it is closed."""

    @abstractmethod
    def arm(self, moment: float | None) -> None:
        """End the wait at this moment of `time.monotonic()` at the latest; None takes that back."""

    @abstractmethod
    def wait(self) -> None:
        """Yield to other greenlets until a descriptor is ready or the moment has come."""

    @abstractmethod
    def ready(self, at_most: int) -> list[tuple[int, int]]:
        """Return (descriptor, bits) of what is ready now."""

    @abstractmethod
    def close(self) -> None:
        """Release all resources."""


def best_readiness() -> Readiness:
    """Return the fastest that this system has."""
    return EpollReadiness() if sys.platform == "linux" else LoopReadiness()


class _Epoll(Protocol):
    """`select.epoll`, which other systems than Linux do not have, also not for a type checker."""

    def register(self, fd: int, eventmask: int, /) -> None: ...
    def modify(self, fd: int, eventmask: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def poll(self, timeout: float, maxevents: int, /) -> list[tuple[int, int]]: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class _LoopWatcher(Protocol):
    """What is used of a watcher of gevent's loop."""

    def stop(self) -> None: ...
    def close(self) -> None: ...


class EpollReadiness(Readiness):
    """An epoll and a timerfd, seen by gevent as one descriptor."""

    def __init__(self) -> None:
        self._hub = gevent.get_hub()
        self._timer = _TimerFd()
        self._epoll: _Epoll = get_original("select", "epoll")()
        self._epoll.register(self._timer.fd, READ)
        self._watcher = self._hub.loop.io(self._epoll.fileno(), 1)
        self._waiting: gevent.Greenlet | None = None

    def add(self, fd: int, events: int) -> None:
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        self._epoll.unregister(fd)

    def arm(self, moment: float | None) -> None:
        self._timer.set(moment)

    def wait(self) -> None:
        # As hub.wait does, but without a new waiter and a fresh start of the watcher each time.
        if not self._watcher.active:
            self._watcher.start(self._wake)
        self._waiting = gevent.getcurrent()
        try:
            self._hub.switch()
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.switch()
        else:
            # The reactor is blocked elsewhere: until it returns here nothing waits to be woken.
            self._watcher.stop()

    def ready(self, at_most: int) -> list[tuple[int, int]]:
        return self._epoll.poll(0, at_most)

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        self._epoll.close()
        self._timer.close()


class LoopReadiness(Readiness):
    """A watcher of gevent's loop for each descriptor."""

    def __init__(self) -> None:
        self._loop = gevent.get_hub().loop
        self._watchers: dict[int, _LoopWatcher] = {}
        self._timer = self._loop.timer(0)
        self._ready: dict[int, int] = {}
        self._something = Event()

    def add(self, fd: int, events: int) -> None:
        # libev's bits: 1 reads, 2 writes.
        watcher = self._loop.io(fd, (1 if events & READ else 0) | (2 if events & WRITE else 0))
        watcher.start(self._became_ready, fd, pass_events=True)
        self._watchers[fd] = watcher

    def change(self, fd: int, events: int) -> None:
        self.remove(fd)
        self.add(fd, events)

    def remove(self, fd: int) -> None:
        watcher = self._watchers.pop(fd)
        watcher.stop()
        watcher.close()
        self._ready.pop(fd, None)

    def arm(self, moment: float | None) -> None:
        self._timer.stop()
        self._timer.close()
        self._timer = self._loop.timer(0 if moment is None else max(0.0, moment - monotonic()))
        if moment is not None:
            self._timer.start(self._moment_came, moment)

    def wait(self) -> None:
        self._something.wait()

    def ready(self, at_most: int) -> list[tuple[int, int]]:  # noqa: ARG002 - what is ready was collected already
        self._something.clear()
        found, self._ready = list(self._ready.items()), {}
        return found

    def close(self) -> None:
        for fd in list(self._watchers):
            self.remove(fd)
        self._timer.stop()
        self._timer.close()

    def _moment_came(self, moment: float) -> None:
        # The loop's clock stands still during a turn of the loop, so its timers may be early.
        if monotonic() < moment:
            self.arm(moment)
        else:
            self._something.set()

    def _became_ready(self, events: int, fd: int) -> None:
        bits = (READ if events & 1 else 0) | (WRITE if events & 2 else 0)
        self._ready[fd] = self._ready.get(fd, 0) | bits
        self._something.set()


class _TimerFd:
    """A descriptor that becomes readable at a moment. Python has no name for it before 3.13."""

    _FLAGS = 0o4000 | 0o2000000  # TFD_NONBLOCK, TFD_CLOEXEC
    _CLOCK_MONOTONIC, _ABSOLUTE = 1, 1

    class _Spec(ctypes.Structure):
        _fields_ = tuple((name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns"))

    def __init__(self) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._settime = library.timerfd_settime
        self._spec = self._Spec(0, 0, 0, 0)
        self._pointer = ctypes.byref(self._spec)
        self.fd = int(library.timerfd_create(self._CLOCK_MONOTONIC, self._FLAGS))
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "no timerfd")

    def set(self, moment: float | None) -> None:
        """Become readable at the moment, at once if it is past, never if it is None; forget what was before."""
        spec = self._spec
        if moment is None:
            spec.value_s = spec.value_ns = 0
        else:
            spec.value_s = seconds = int(moment)
            # All zero would mean never.
            spec.value_ns = int((moment - seconds) * 1e9) or 1
        self._settime(self.fd, self._ABSOLUTE, self._pointer, None)

    def close(self) -> None:
        os.close(self.fd)
