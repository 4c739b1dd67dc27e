"""Note once a second what CPU and memory the generator uses, and the host if that was started for the run."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

import gevent
import psutil  # type: ignore[import-untyped]

from durable_harness.gate.usage import GENERATOR, HOST, Usage

LOOK_S = 1.0
LOOKS_PER_SEARCH = 5
"""Finding the children of a process reads about every process of the machine: not at each look."""


class _Used(NamedTuple):
    """What processes used since the last look."""

    cpu_s: float
    memory_bytes: int


class Processes:
    """A process, with those that it started if they belong to it."""

    def __init__(self, pid: int, *, with_children: bool) -> None:
        self._root: psutil.Process | None = _process(pid)
        self._with_children = with_children
        self._looks = 0
        self._children: list[psutil.Process] = []
        self._cpu_s: dict[psutil.Process, float] = {}
        self.look()

    def look(self) -> _Used | None:
        """Return what they used since the last look; None if the process is gone.

        A child counts from when it was first seen.
        """
        if self._root is None:
            return None
        before, self._cpu_s = self._cpu_s, {}
        used_s, memory_bytes = 0.0, 0
        for process in (self._root, *self._find_children(self._root)):
            try:
                with process.oneshot():
                    times, process_bytes = process.cpu_times(), process.memory_info().rss
            except psutil.Error:
                continue
            cpu_s = self._cpu_s[process] = times.user + times.system
            used_s += cpu_s - before.get(process, cpu_s)
            memory_bytes += process_bytes
        if self._root not in self._cpu_s or not memory_bytes:
            self._root = None
            return None
        return _Used(used_s, memory_bytes)

    def _find_children(self, root: psutil.Process) -> list[psutil.Process]:
        if self._with_children and self._looks % LOOKS_PER_SEARCH == 0:
            try:
                self._children = root.children(recursive=True)
            except psutil.Error:
                self._children = []
        self._looks += 1
        return self._children


class UsageWatch:
    """Notes what this process and a host use, from now until it is stopped."""

    def __init__(self, host_pid: int | None = None) -> None:
        self.usage = Usage()
        self._parties = {GENERATOR: Processes(os.getpid(), with_children=False)}
        if host_pid is not None:
            self._parties[HOST] = Processes(host_pid, with_children=True)
        self._looked_s = time.time()
        self._is_watching = True
        self._greenlet = gevent.spawn(self._watch)

    def stop(self) -> None:
        """Stop, and note what was used since the last look."""
        if self._is_watching:
            self._is_watching = False
            self._greenlet.kill()
            self._look()

    def _watch(self) -> None:
        while True:
            gevent.sleep(LOOK_S)
            self._look()

    def _look(self) -> None:
        now_s = time.time()
        for party, processes in self._parties.items():
            used = processes.look()
            if used is not None:
                self.usage.note(party, self._looked_s, now_s, *used)
        self._looked_s = now_s


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None
