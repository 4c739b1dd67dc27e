"""Running systems in child processes: our host with the embedded scheduler, or a scheduler alone."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from durable_harness.stack.control import StackControl
from durable_harness.stack.processes import running_command


@dataclass(frozen=True)
class RunningStack:
    """Where a system under test answers. `pid` and `log_path` are None where somebody else started it."""

    name: str
    base_url: str
    function_key: str | None = field(default=None, repr=False)
    log_path: Path | None = None
    pid: int | None = None
    scheduler_address: str | None = None
    dashboard_url: str | None = None
    task_hub: str | None = None
    control: StackControl | None = field(default=None, repr=False)
    """How tests reach into it; None where they cannot."""
    exit_code: Callable[[], int | None] = field(default=lambda: None, repr=False)
    """How its host ended; None while it runs, and where somebody else started it."""


@contextlib.contextmanager
def embedded_stack(  # noqa: PLR0913 - each is one thing to choose
    app_dir: Path,
    *,
    log_path: Path | None = None,
    serve_args: Sequence[str] = (),
    temp_dir: Path | None = None,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
    restarts: bool = False,
) -> Iterator[RunningStack]:
    """Serve an app in a child process on free ports, until the block ends; `python` runs it, this one by default.

    One that `restarts` has a port of its own, which it has again then. Raises the error that ended the child where it
    could not start. Works under gevent's patches too.
    """
    # A dashboard that nobody opens is no reason to listen: who wants one says so in `serve_args`.
    arguments = ["--script-root", str(app_dir), "--dashboard-port", "0", *serve_args]
    with running_command(
        "serve",
        arguments if restarts else ["--port", "0", *arguments],
        log_path,
        temp_dir=temp_dir,
        environment=environment,
        python=python,
        own_ports=("--port",) if restarts else (),
    ) as host:
        yield RunningStack(
            name="embedded",
            base_url=host.facts["baseUrl"],
            function_key=host.facts["functionKey"],
            log_path=host.log,
            pid=host.pid,
            dashboard_url=host.facts["dashboardUrl"],
            control=StackControl.of(host),
            exit_code=host.exit_code,
        )


@dataclass(frozen=True)
class RunningScheduler:
    """Where a scheduler answers."""

    grpc_address: str
    http_url: str
    dashboard_url: str
    pid: int
    log_path: Path | None = None


@contextlib.contextmanager
def scheduler_process(*, log_path: Path | None = None, args: Sequence[str] = ()) -> Iterator[RunningScheduler]:
    """Run a scheduler in a child process on free ports, until the block ends."""
    ports = ["--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any"]
    with running_command("scheduler", [*ports, *args], log_path) as running:
        facts = running.facts
        yield RunningScheduler(facts["grpcAddress"], facts["httpUrl"], facts["dashboardUrl"], running.pid, running.log)
