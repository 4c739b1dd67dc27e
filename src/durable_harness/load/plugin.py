"""Hook the harness into Locust: options on its command line, and one node in each of its processes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import gevent
import psutil  # type: ignore[import-untyped]
from gevent.event import Event
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from durable_harness.errors import INTERRUPTED, NOTHING_MEASURED, HarnessError
from durable_harness.load.local import LocalNode
from durable_harness.load.master import MasterNode
from durable_harness.load.node import Node
from durable_harness.load.options import add_options
from durable_harness.load.run import Run
from durable_harness.load.settle import settle
from durable_harness.load.worker import WorkerNode


def install(events: Any, default_gates: Callable[[], Path | None]) -> None:
    """Listen to Locust's events; `default_gates` finds the gates file that applies when the option is not given."""
    events.init_command_line_parser.add_listener(lambda parser, **_: add_options(parser, default_gates()))
    is_set_up = Event()
    events.test_start.add_listener(lambda environment, **_: _hold_back(environment, is_set_up))
    events.init.add_listener(lambda environment, **_: _set_up(environment, is_set_up))


def run_of(environment: Any) -> Run:
    """Return the run that a user of this process takes part in."""
    node: Node = environment.harness_node
    if node.run is None:
        raise RuntimeError("no load test is running in this process")
    return node.run


def _hold_back(environment: Any, is_set_up: Event) -> None:
    """Hold back a run that begins before its process is set up, and begin it then.

    A worker receives messages from the moment it connects, and Locust fires `init` only later. A worker that joins a
    running test is asked at once to spawn users, often before `init`. The greenlet that waits here is the one that
    receives messages, so none of the messages after this one is handled too early, and no user is spawned. Its
    `environment.runner` may still be None.
    """
    can_be_early = not isinstance(environment.runner, LocalRunner | MasterRunner)
    if can_be_early and not is_set_up.is_set():
        is_set_up.wait()
        environment.harness_node.start_test()


def _set_up(environment: Any, is_set_up: Event) -> None:
    node = _node_class(environment.runner)(environment)
    environment.harness_node = node
    try:
        node.set_up()
    except HarnessError as error:
        _refuse(environment, str(error), error.exit_code)
    except KeyboardInterrupt:
        _refuse(environment, NOTHING_MEASURED, INTERRUPTED)
    gevent.signal_handler(signal.SIGINT, _interrupt, node)
    # Beside Locust's own handler, which ends the process: both are called.
    gevent.signal_handler(signal.SIGTERM, node.interrupt)
    settle()
    is_set_up.set()


def _refuse(environment: Any, message: str, exit_code: int) -> NoReturn:
    sys.stderr.write(f"locust: {message}\n")
    _end_forked_workers(environment)
    sys.exit(exit_code)


def _interrupt(node: Node) -> None:
    """Raise KeyboardInterrupt where Locust expects it.

    Python raises it in whichever greenlet runs when the signal comes, which may be one that follows an operation.
    """
    node.interrupt()
    gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())


def _node_class(runner: Any) -> type[Node]:
    if isinstance(runner, WorkerRunner):
        return WorkerNode
    return MasterNode if isinstance(runner, MasterRunner) else LocalNode


def _end_forked_workers(environment: Any) -> None:
    """End the workers of --processes, which would go on trying to reach a master that is gone for minutes."""
    if environment.parsed_options.processes and not environment.parsed_options.worker:
        for child in psutil.Process().children():
            child.terminate()
