"""Our host and our scheduler in separate processes. A test can kill either, and it is started again."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from durable_harness.errors import UsageError
from durable_harness.stack.child_systems import RunningStack
from durable_harness.stack.control import StackControl
from durable_harness.stack.options import StackOptions
from durable_harness.stack.processes import CommandProcess, started_on_ports

HUB = "default"
FOR_SCHEDULER = ("--time", "--durability", "--lease-timeout", "--max-payload-bytes")
HOST_PORTS = ("--port",)
SCHEDULER_PORTS = ("--grpc-port", "--http-port", "--dashboard-port")


@contextlib.contextmanager
def breakable_stack(app_dir: Path, options: StackOptions) -> Iterator[RunningStack]:
    """Serve an app in a child process, working for a scheduler in another that keeps everything in a file.

    The options in `serve_args` that are for the embedded scheduler go to the separate one. Raises the error that ended
    a child if it could not start.
    """
    with (
        tempfile.TemporaryDirectory(prefix="durable-harness-", dir=options.temp_dir) as folder,
        contextlib.ExitStack() as exits,
    ):
        here = Path(folder)
        for_scheduler, for_host = _divided(options.serve_args)
        words = ["scheduler", "--task-hubs", HUB, "--data", str(here / "hub.db"), *for_scheduler]
        scheduler = started_on_ports(
            lambda ports: CommandProcess(sys.executable, [*words, *ports], None, here, {}), SCHEDULER_PORTS
        )
        exits.callback(scheduler.stop)
        address = scheduler.facts["grpcAddress"]
        work = ["serve", "--script-root", str(app_dir), "--scheduler", _connection_string(address), *for_host]
        host = started_on_ports(
            lambda ports: CommandProcess(sys.executable, [*work, *ports], options.log_path, here, options.environment),
            HOST_PORTS,
        )
        exits.callback(host.stop)
        yield RunningStack(
            name="embedded",
            base_url=host.facts["baseUrl"],
            function_key=host.facts["functionKey"],
            log_path=host.log,
            pid=host.pid,
            scheduler_address=address,
            dashboard_url=scheduler.facts["dashboardUrl"],
            task_hub=HUB,
            control=StackControl(host, scheduler),
            exit_code=host.exit_code,
        )


def _connection_string(address: str) -> str:
    return f"Endpoint=http://{address};Authentication=None;TaskHub={HUB}"


def _divided(serve_args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Divide options of `serve` into those of the scheduler and those of the host."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in FOR_SCHEDULER:
        parser.add_argument(option)
    for option in ("--data", "--scheduler"):
        parser.add_argument(option)
    parser.add_argument("--test-control", action="store_true")
    given, others = parser.parse_known_args(list(serve_args))
    if given.scheduler is not None or given.data is not None:
        raise UsageError(
            "durable_faults starts a scheduler of its own, with a file of its own: take --scheduler and --data out of"
            " durable_serve_args."
        )
    options = {option: getattr(given, option[2:].replace("-", "_")) for option in FOR_SCHEDULER}
    words = [word for option, value in options.items() if value for word in (option, value)]
    return [*words, "--test-control"], [*others, "--test-control"]
