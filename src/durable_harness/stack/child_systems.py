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
    """A running system under test: where it answers, and where its log is.

    The fixture `durable_stack` is one, and `open_stack` opens one.
    """

    name: str
    """The name of the stack: "embedded", "emulator", "func" or "remote", as `--stack` takes it."""
    base_url: str
    """The URL of the app, without a slash at the end."""
    function_key: str | None = field(default=None, repr=False)
    """The key that requests carry; None if there is none."""
    log_path: Path | None = None
    """The file with the host's output; None for a remote stack."""
    pid: int | None = None
    """The process ID of the host; None for a remote stack."""
    scheduler_address: str | None = None
    """The gRPC address of a scheduler in another process; None if it is in the host's process, or not known."""
    dashboard_url: str | None = None
    """The URL of the dashboard; None if there is none."""
    task_hub: str | None = None
    """The task hub in that other scheduler; None if it is in the host's process, or not known."""
    control: StackControl | None = field(default=None, repr=False)
    """How tests control the processes of the stack; None if they cannot."""
    exit_code: Callable[[], int | None] = field(default=lambda: None, repr=False)
    """Returns the exit code of the host; None while it runs, or if it is not a process of the stack."""


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
    """Serve an app with the embedded scheduler in a child process, on free ports, until the end of the block.

        with embedded_stack(Path("app"), serve_args=("--time", "skip")) as stack:
            print(stack.base_url)

    It also works under gevent's patches.

    Args:
        app_dir: the folder of the app.
        log_path: the file for the output of the child; if None, it is kept only while the stack runs.
        serve_args: additional options of `durable-harness serve`, such as `("--dashboard-port", "any")`.
        temp_dir: the folder for temporary files; by default the system's.
        environment: environment variables that are added for the child.
        python: the Python interpreter that runs the child; by default the one of this process.
        restarts: whether the host keeps its port when a test restarts it.

    Raises:
        HarnessError: the child could not start. The type is that of the error that ended it.
    """
    # No dashboard by default: a test that needs one sets `--dashboard-port` in `serve_args`.
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
    """A running scheduler and where it answers."""

    grpc_address: str
    """The address of its gRPC endpoint, such as "127.0.0.1:8080"."""
    http_url: str
    """The URL of its HTTP endpoint."""
    dashboard_url: str
    """The URL of its dashboard."""
    pid: int
    """Its process ID."""
    log_path: Path | None = None
    """The file with its output."""


@contextlib.contextmanager
def scheduler_process(*, log_path: Path | None = None, args: Sequence[str] = ()) -> Iterator[RunningScheduler]:
    """Run a scheduler in a child process, on free ports, until the end of the block.

        with scheduler_process(args=("--task-hubs", "default")) as scheduler:
            print(scheduler.grpc_address)

    Args:
        log_path: the file for the output of the child; if None, it is kept only while the scheduler runs.
        args: additional options of `durable-harness scheduler`.

    Raises:
        HarnessError: the child could not start. The type is that of the error that ended it.
    """
    ports = ["--grpc-port", "0", "--http-port", "0", "--dashboard-port", "any"]
    with running_command("scheduler", [*ports, *args], log_path) as running:
        facts = running.facts
        yield RunningScheduler(facts["grpcAddress"], facts["httpUrl"], facts["dashboardUrl"], running.pid, running.log)
