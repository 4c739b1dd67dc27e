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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from durable_harness.debugging import has_debugger
from durable_harness.errors import (
    AppLoadError,
    DamagedFileError,
    HarnessError,
    PortInUseError,
    UnreachableError,
    UsageError,
)
from durable_harness.network.free_ports import free_port
from durable_harness.platforms.children import ask_to_end, in_own_group
from durable_harness.platforms.encodings import in_utf8

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.02
PORT_TRIES = 5
DID_NOT_START = "It did not start:"
"""How the message begins of a command that ended without an error before it was ready; the end of its log follows."""
ERROR = "error: "
"""How a command begins the error that ends it."""
ERRORS = {
    error.exit_code: error for error in (UsageError, UnreachableError, AppLoadError, PortInUseError, DamagedFileError)
}


@contextlib.contextmanager
def running_command(  # noqa: PLR0913 - each is one thing to choose
    command: str,
    arguments: Sequence[str],
    log_path: Path | None,
    *,
    temp_dir: Path | None = None,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
    own_ports: Sequence[str] = (),
) -> Iterator[CommandProcess]:
    """Run `durable-harness COMMAND …` until the block ends.

    Its files are made in `temp_dir`, else where this machine has temporary files; `environment` is added to its own.
    Whenever it is started again it has the same ports for the options `own_ports`. Raises the error that ended the
    child where it could not start. Works under gevent's patches too. Ctrl-C in a terminal reaches the caller only: it
    decides when the child ends.
    """
    with tempfile.TemporaryDirectory(prefix="durable-harness-", dir=temp_dir) as folder:
        running = started_on_ports(
            lambda ports: CommandProcess(
                python, [command, *ports, *arguments], log_path, Path(folder), environment or {}
            ),
            own_ports,
        )
        try:
            yield running
        finally:
            running.stop()


class CommandProcess:
    """`durable-harness COMMAND …` in a child process, which can be started again when it has ended.

    `facts` is what it wrote when it was ready. Its files are in `folder`.
    """

    def __init__(
        self,
        python: str,
        arguments: Sequence[str],
        log_path: Path | None,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        command = arguments[0]
        self.log = log_path or folder / f"{command}.log"
        self.facts: dict[str, Any] = {}
        self._ready = folder / f"{command}.json"
        self._words = [python, "-m", "durable_harness", *arguments]
        self._words += ["--ready-file", str(self._ready), "--exit-with-parent", str(os.getpid())]
        self._environment = environment
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        # A virtual environment of Windows has a launcher, whose child runs the command.
        assert self._child is not None
        return int(self.facts.get("pid", self._child.pid))

    def exit_code(self, patience_s: float = 0.0) -> int | None:
        """Return how it ended, None while it runs; a negative number is the signal that ended it.

        `patience_s` is for one whose connections broke: it may be about to end.
        """
        if self._child is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(patience_s)
        return self._child.poll()

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it and return when it is ready; raise the error that ended it where it could not start.

        `environment` is added to its own for this time.
        """
        self._ready.unlink(missing_ok=True)
        self.facts = {}
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603 - our own command
                self._words,
                env={**os.environ, **in_utf8(), **self._environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **in_own_group(),
            )
        self.facts = _wait_until_ready(self._child, self._ready, self.log)

    def kill(self) -> None:
        """Kill -9, whatever it is doing, and return when it is gone."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def stop(self) -> None:
        """End it: by a request, then by a kill."""
        if self._child is not None:
            stop_process(self._child)


def started_on_ports(command: Callable[[list[str]], CommandProcess], ports: Sequence[str]) -> CommandProcess:
    """Start a command on ports of its own, which it has again each time it is started again."""
    for _ in range(PORT_TRIES):
        running = command([word for port in ports for word in (port, str(free_port()))])
        try:
            running.start()
        except PortInUseError:
            if not ports:
                raise
        except BaseException:
            running.stop()
            raise
        else:
            return running
    raise PortInUseError(f"No free ports were found in {PORT_TRIES} tries: others took them first. Try again.")


def _wait_until_ready(child: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline or has_debugger():  # which follows the child too, and may stop it at any line
        if ready.exists():
            facts: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
            return facts
        if child.poll() is not None:
            raise ERRORS.get(child.returncode, HarnessError)(_why_it_ended(_tail(log)))
        time.sleep(POLL_INTERVAL_S)
    raise UnreachableError(f"It was not ready after {READY_TIMEOUT_S:g} s:\n{_tail(log)}")


def stop_process(child: subprocess.Popen[bytes]) -> None:
    """End a child: by a request, then by a kill."""
    if child.poll() is None:
        ask_to_end(child)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL_S)
    if child.poll() is None:
        child.kill()
    child.wait()


def _why_it_ended(log: str) -> str:
    """Return the error that a command ended with, as it printed it, or else all of its log."""
    lines = log.splitlines()
    last = max((number for number, line in enumerate(lines) if line.startswith(ERROR)), default=None)
    return f"{DID_NOT_START}\n{log}" if last is None else "\n".join(lines[last:]).removeprefix(ERROR)


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def ending_of(exit_code: int | None) -> str:
    """Return how a process ended, as "exit code 7" or "killed by SIGKILL"; empty while it runs."""
    if exit_code is None:
        return ""
    names = {number.value: number.name for number in signal.Signals}
    return f"exit code {exit_code}" if exit_code >= 0 else f"killed by {names.get(-exit_code, f'signal {-exit_code}')}"
