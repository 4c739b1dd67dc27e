"""A running system in a child process: our host with the embedded scheduler."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from durable_harness.errors import AppLoadError, HarnessError, PortInUseError, UnreachableError, UsageError

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.02
ERRORS = {error.exit_code: error for error in (UsageError, UnreachableError, AppLoadError, PortInUseError)}


@dataclass(frozen=True)
class RunningStack:
    """Where a system under test answers. `pid` and `log_path` are None where somebody else started it."""

    name: str
    base_url: str
    function_key: str | None = None
    log_path: Path | None = None
    pid: int | None = None


@contextlib.contextmanager
def embedded_stack(
    app_dir: Path, *, log_path: Path | None = None, serve_args: Sequence[str] = ()
) -> Iterator[RunningStack]:
    """Serve an app in a child process on free ports, until the block ends.

    Raises the error that ended the child where it could not start. Works under gevent's patches too.
    """
    with tempfile.TemporaryDirectory(prefix="durable-harness-") as folder:
        log = log_path or Path(folder) / "host.log"
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "durable_harness", "serve", "--script-root", str(app_dir)]
        command += ["--port", "0", "--ready-file", str(ready), "--exit-with-parent", str(os.getpid()), *serve_args]
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            facts = _wait_until_ready(child, ready, log)
            yield RunningStack("embedded", facts["baseUrl"], facts["functionKey"], log, child.pid)
        finally:
            stop_process(child)


def _wait_until_ready(child: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if ready.exists():
            facts: dict[str, str] = json.loads(ready.read_text())
            return facts
        if child.poll() is not None:
            raise ERRORS.get(child.returncode, HarnessError)(f"The host did not start:\n{_tail(log)}")
        time.sleep(POLL_INTERVAL_S)
    raise UnreachableError(f"The host was not ready after {READY_TIMEOUT_S:g} s:\n{_tail(log)}")


def stop_process(child: subprocess.Popen[bytes]) -> None:
    """End a child: politely, then for certain."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL_S)
    if child.poll() is None:
        child.kill()
    child.wait()


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
