"""The systems under test: a host with its scheduler in one process, and a host on a scheduler of its own."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil

APP = Path(__file__).parents[1] / "apps" / "mixed"
STEPPING = Path(__file__).with_name("stepping")
HUB = "mixed"
NO_EPHEMERAL_PORTS = (20_000, 32_000)


def lasting_port():
    """Return a free port that no outgoing connection is given while the process that listens on it is dead."""
    while True:
        port = random.randrange(*NO_EPHEMERAL_PORTS)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


class Victim:
    """A process that is started again whenever it ends. `samples` are `(seconds, life, resident bytes)`."""

    def __init__(self, name, words, env, log):
        self.name, self.samples, self.kills = name, [], 0
        self._words, self._env, self._log = words, env, log
        self._life = 0
        self._changing = threading.Lock()  # a kill runs in a thread; a revival meanwhile would start it twice
        self.process = self._start()

    def _start(self):
        self._life += 1
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "durable_harness", *map(str, self._words)],
                env=self._env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self):
        """Kill -9, whatever it is doing, and start again at once."""
        with self._changing:
            self.process.kill()
            self.process.wait()
            self.kills += 1
            self.process = self._start()

    def revive(self):
        """Start again if it ended by itself: a host whose scheduler was away for too long. Return whether it had."""
        if self._changing.locked() or self.process.poll() is None:
            return False
        self.process = self._start()
        return True

    def sample(self, seconds):
        """Note the memory of the process."""
        try:
            self.samples.append((seconds, self._life, psutil.Process(self.process.pid).memory_info().rss))
        except psutil.NoSuchProcess:
            return

    def end(self):
        """Ask it to end; return its exit code, or None if it had to be killed."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


class System:
    """One running system: `base_url` of its host, `ports` that answer anybody, `victims` that can be killed.

    `answers_are_final` means that a start answered with an error has not happened: true where host and scheduler are
    one process. Between two processes the answer itself can be lost.
    """

    def __init__(self, name, folder, disk, env, *, is_split):
        self.name, self.disk = name, disk
        self.answers_are_final = not is_split
        self.ports = {"http": lasting_port()}
        self.base_url = f"http://127.0.0.1:{self.ports['http']}"
        parent = ("--exit-with-parent", os.getpid())
        served = ("serve", "--app", APP, "--port", self.ports["http"], *parent)
        data = ("--data", disk / "hub.db", *parent)
        if is_split:
            self.ports |= {name: lasting_port() for name in ("grpc", "api", "dashboard")}
            ports = ("--grpc-port", self.ports["grpc"], "--http-port", self.ports["api"])
            ports = (*ports, "--dashboard-port", self.ports["dashboard"], "--task-hubs", f"{HUB},other")
            connection = f"Endpoint=http://127.0.0.1:{self.ports['grpc']};Authentication=None;TaskHub={HUB}"
            self.victims = [
                Victim(f"{name} scheduler", ("scheduler", *ports, *data), env, folder / f"{name}-scheduler.log"),
                Victim(f"{name} host", (*served, "--scheduler", connection), env, folder / f"{name}-host.log"),
            ]
        else:
            self.victims = [Victim(name, (*served, *data), env, folder / f"{name}.log")]


def clock_environment(offset_file):
    """Return the variables of a process whose scheduler has a wall clock that is off by the seconds in the file."""
    return {"PYTHONPATH": str(STEPPING), "SOAK_CLOCK_OFFSET": str(offset_file)}
