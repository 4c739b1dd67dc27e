"""Hook the harness into Locust: options on its command line, and a LocustProcess in each of its processes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from gevent.event import Event
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from durable_harness.errors import INTERRUPTED, NOTHING_MEASURED, HarnessError
from durable_harness.load.distributed.joining import add_joining_options, check_secure, secure_sockets
from durable_harness.load.distributed.listening import guard_listening
from durable_harness.load.engine.gc_tuning import settle
from durable_harness.load.engine.load_run import LoadRun
from durable_harness.load.lifecycle.locust_signals import Signals, raise_in_main
from durable_harness.load.lifecycle.startup import check_patched, end_forked_workers, is_forked_worker
from durable_harness.load.options.arguments import add_options
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.parsing import check_command_line
from durable_harness.load.processes.locust_worker import WorkerProcess
from durable_harness.load.processes.master import MasterProcess
from durable_harness.load.processes.process import LocustProcess
from durable_harness.load.processes.single import SingleProcess
from durable_harness.output_streams import keep_output_unbroken
from durable_harness.platforms.clocks import have_fine_timers


def install(
    events: Any, default_gates: Callable[[], Path | None], loaded_scenarios: Callable[[], Iterable[str]]
) -> None:
    """Listen to Locust's events; `default_gates` finds the gates file that applies when the option is not given."""
    secure_sockets()
    guard_listening()
    have_fine_timers()
    lost = keep_output_unbroken()
    events.quit.add_listener(lambda **_: lost.report())
    events.init_command_line_parser.add_listener(lambda parser, **_: _add_all_options(parser, default_gates()))
    is_set_up = Event()
    events.test_start.add_listener(lambda environment, **_: _hold_back(environment, is_set_up))
    events.init.add_listener(lambda environment, **_: _set_up(environment, is_set_up, loaded_scenarios))


def _add_all_options(parser: argparse.ArgumentParser, default_gates: Path | None) -> None:
    add_options(parser, default_gates)
    add_joining_options(parser)
    check_command_line(parser)


def run_of(environment: Environment) -> LoadRun:
    """Return the run that a user of this process takes part in."""
    process: LocustProcess = environment.harness_process
    if process.run is None:
        raise RuntimeError("no load test is running in this process")
    return process.run


def options_of(environment: Environment) -> LoadOptions:
    """Return the options of the run that a user of this process takes part in, or of the operation before it."""
    process: LocustProcess = environment.harness_process
    return run_of(environment).options if process.rehearsed is None else process.rehearsed


def is_rehearsing(environment: Environment) -> bool:
    """Whether users are only asked what they would send."""
    process: LocustProcess = environment.harness_process
    return process.rehearsed is not None


def _hold_back(environment: Environment, is_set_up: Event) -> None:
    """Hold back a run that begins before its process is set up, and begin it then.

    A worker receives messages from the moment it connects, and Locust fires `init` only later. A worker that joins a
    running test is asked at once to spawn users, often before `init`. The greenlet that waits here is the one that
    receives messages, so none of the messages after this one is handled too early, and no user is spawned. Its
    `environment.runner` may still be None.
    """
    can_be_early = not isinstance(environment.runner, LocalRunner | MasterRunner)
    if can_be_early and not is_set_up.is_set():
        is_set_up.wait()
        environment.harness_process.start_test()


def _set_up(environment: Environment, is_set_up: Event, loaded_scenarios: Callable[[], Iterable[str]]) -> None:
    process = _process_class(environment.runner)(environment)
    environment.harness_process, process.loaded_scenarios = process, loaded_scenarios
    set_up = _SetUp()
    process.signals = Signals(set_up.interrupt)
    try:
        check_patched()
        if not isinstance(environment.runner, LocalRunner):
            check_secure(environment.runner)
        process.set_up()
    except HarnessError as error:
        _refuse(process, str(error), error.exit_code)
    except KeyboardInterrupt:
        set_up.is_interrupted = True
    if set_up.is_interrupted:
        _refuse(process, NOTHING_MEASURED, INTERRUPTED)
    process.signals.handler = process.take_signal
    settle()
    is_set_up.set()


class _SetUp:
    """Signals that come while the process is set up: the first one ends the wait for the system under test."""

    def __init__(self) -> None:
        self.is_interrupted = False

    def interrupt(self) -> None:
        if not self.is_interrupted:
            self.is_interrupted = True
            raise_in_main(KeyboardInterrupt())


def _refuse(process: LocustProcess, message: str, exit_code: int) -> NoReturn:
    process.signals.handler = lambda: None
    if not is_forked_worker():
        # What a signal ended is no error.
        sys.stderr.write(f"{'locust' if exit_code == INTERRUPTED else 'error'}: {message}\n")
        end_forked_workers()
    process.tear_down()
    process.signals.ignore()
    sys.exit(exit_code)


def _process_class(runner: Any) -> type[LocustProcess]:
    if isinstance(runner, WorkerRunner):
        return WorkerProcess
    return MasterProcess if isinstance(runner, MasterRunner) else SingleProcess
