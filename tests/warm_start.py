"""Processes of `durable-harness` that start at once: forked from one that has imported what such a process imports.

A host is ready after 0.14 s of CPU instead of 0.39. Nothing of durable_harness itself is imported before the fork: what
it makes once for each process, such as the seed of its ids, must not be shared.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_S = 0.01
IMPORTED = ("azure.durable_functions", "aiohttp.web", "grpc.aio", "durabletask.internal.orchestrator_service_pb2_grpc")


class WarmStarter:
    """The process that forks. It ends with its maker."""

    def __init__(self):
        self._process = None

    def start(self, *words, output, errors=None, cwd=None, env=None):
        """Run `durable-harness WORDS…` in a session of its own; its output is added to files. Returns a WarmProcess."""
        if not hasattr(os, "fork"):
            return start_cold(words, output, errors or output, cwd, env)
        wanted = {"words": [*map(str, words)], "cwd": str(cwd or Path.cwd()), "env": env or dict(os.environ)}
        wanted |= {"output": str(output), "errors": str(errors or output)}
        return WarmProcess(self, self.ask(wanted))

    def ask(self, request):
        """Send a request to the process that forks; return its answer."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        """End it; the processes that it started continue."""
        if self._process is not None:
            self._process.communicate()


class WarmProcess:
    """What tests use of subprocess.Popen, for a process that was started warm."""

    def __init__(self, starter, pid):
        self._starter, self.pid, self.returncode = starter, pid, None

    def poll(self):
        """Return its exit code, None while it runs."""
        if self.returncode is None:
            self.returncode = self._starter.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout=60.0):
        """Return its exit code when it has ended."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(POLL_S)
        return self.returncode

    def send_signal(self, number):
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """Kill -9."""
        self.send_signal(signal.SIGKILL)


def start_cold(words, output, errors, cwd, env):
    """Run it where no process can fork."""
    from durable_harness.platforms.children import in_own_group  # noqa: PLC0415 - not before a fork

    with Path(output).open("ab") as output_file, Path(errors).open("ab") as errors_file:
        return subprocess.Popen(
            [sys.executable, "-m", "durable_harness", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=output_file,
            stderr=errors_file,
            cwd=cwd,
            env=env,
            **in_own_group(),
        )


def answer_requests():
    """Fork for each request to start something and keep answering; return in the child, or after the last request."""
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            result = os.waitstatus_to_exitcode(status) if pid else None
        else:
            ready, report_ready = os.pipe()
            result = os.fork()
            if result == 0:
                become(request)
                os.close(report_ready)
                return True
            os.close(report_ready)
            os.read(ready, 1)
            os.close(ready)
        sys.stdout.write(f"{json.dumps(result)}\n")
        sys.stdout.flush()
    return False


def become(request):
    """Turn this process into the one that was asked for. The process that asked continues when that is done."""
    os.setsid()
    for number, mode, path in (
        (0, os.O_RDONLY, os.devnull),
        (1, os.O_WRONLY | os.O_APPEND | os.O_CREAT, request["output"]),
        (2, os.O_WRONLY | os.O_APPEND | os.O_CREAT, request["errors"]),
    ):
        opened = os.open(path, mode, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["durable-harness", *request["words"]]


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    if answer_requests():
        from durable_harness.cli import main

        raise SystemExit(main())
