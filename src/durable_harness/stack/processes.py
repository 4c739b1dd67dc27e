"""Our own commands as child processes: started, waited for, ended."""

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
from pathlib import Path
from typing import Any

from durable_harness.errors import AppLoadError, HarnessError, PortInUseError, UnreachableError, UsageError

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.02
ERRORS = {error.exit_code: error for error in (UsageError, UnreachableError, AppLoadError, PortInUseError)}


@contextlib.contextmanager
def running_command(
    command: str, arguments: Sequence[str], log_path: Path | None
) -> Iterator[tuple[dict[str, Any], Path, int]]:
    """Run `durable-harness COMMAND …` until the block ends; give what it wrote when ready, its log and its pid.

    Raises the error that ended the child where it could not start. Works under gevent's patches too. Ctrl-C in a
    terminal reaches the caller only: it decides when the child ends.
    """
    with tempfile.TemporaryDirectory(prefix="durable-harness-") as folder:
        log = log_path or Path(folder) / "output.log"
        ready = Path(folder) / "ready.json"
        words = [sys.executable, "-m", "durable_harness", command, *arguments]
        words += ["--ready-file", str(ready), "--exit-with-parent", str(os.getpid())]
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 - our own command
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            yield _wait_until_ready(child, ready, log), log, child.pid
        finally:
            stop_process(child)


def _wait_until_ready(child: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if ready.exists():
            facts: dict[str, Any] = json.loads(ready.read_text())
            return facts
        if child.poll() is not None:
            raise ERRORS.get(child.returncode, HarnessError)(f"It did not start:\n{_tail(log)}")
        time.sleep(POLL_INTERVAL_S)
    raise UnreachableError(f"It was not ready after {READY_TIMEOUT_S:g} s:\n{_tail(log)}")


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
