"""What the commands of experiments share: the load that their options describe, how they are interrupted, reports."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from durable_harness.cli.app_folder import add_app_folder
from durable_harness.errors import INTERRUPTED, NOTHING_MEASURED, UsageError
from durable_harness.load.options.declared_option import twins_text
from durable_harness.load.options.shared_options import (
    EXPERIMENT,
    NO_PREFLIGHT,
    OPERATION_DURATION,
    SERVICE,
    START_METHOD,
    START_PATH,
)
from durable_harness.platforms.signals import ASKED
from durable_harness.sigterm import TERMINATED

if TYPE_CHECKING:
    from durable_harness.experiments.experiment_preflight import BeforeLoad
    from durable_harness.experiments.offered import OfferedLoad

HOST_LOGS = "host-logs"
"""The folder of the hosts' logs beside the reports: what an error names is there when the command has ended."""


def add_load(parser: argparse.ArgumentParser) -> None:
    """Add the options of the app and its operations, which load runs have with the same names and defaults."""
    add_app_folder(parser)
    group = parser.add_argument_group("load", twins_text(START_PATH))
    for option in EXPERIMENT:
        option.add_to(group)


def offered_load(options: argparse.Namespace) -> OfferedLoad:
    """Return the load that the options describe; raise UsageError for what they cannot mean."""
    from durable_harness.experiments.offered import OfferedLoad  # noqa: PLC0415
    from durable_harness.load.options.start import StartOptions  # noqa: PLC0415
    from durable_harness.operations import durable_webhooks, load_service  # noqa: PLC0415
    from durable_harness.operations.description import SAMPLE_START_PATH  # noqa: PLC0415

    start = StartOptions.read(options)
    described = SERVICE.of(options)
    known = load_service(described) if described else durable_webhooks(start.path or SAMPLE_START_PATH)
    if start.event is not None and known.event is None:
        raise UsageError(
            "--raise-event: the service has no way to raise one. Describe it: [event] in the --service file"
        )
    return OfferedLoad(
        service=start.on(known),
        raises=start.event,
        payload=start.payload,
        durations=OPERATION_DURATION.of(options),
        poll_interval_s=options.poll_interval,
        timeout_s=options.operation_timeout,
    )


def before_load(options: argparse.Namespace) -> BeforeLoad:
    """Return what is done before the load."""
    from durable_harness.experiments.experiment_preflight import BeforeLoad  # noqa: PLC0415

    return BeforeLoad(
        finds_start=not options.service and not options.start_path,
        method=START_METHOD.of(options),
        preflight=NO_PREFLIGHT.of(options),
        report=show_line,
    )


def show_line(line: str) -> None:
    """Write a line about the current status to the terminal."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Interruptible:
    """A block that a SIGTERM of CI, or Ctrl-Break, ends as Ctrl-C does: whatever was made is removed.

    What was measured by then is for the block to report. If it lets the interruption through there is nothing to
    report, and the command ends with a line that says so.
    """

    def __init__(self) -> None:
        self.exit_code = INTERRUPTED
        """The code of an interrupted command: that of Ctrl-C, unless it was asked to end."""

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._on_asked) for number in ASKED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if isinstance(error, KeyboardInterrupt):
            sys.stderr.write(f"{NOTHING_MEASURED}\n")
            raise SystemExit(self.exit_code) from None

    def _on_asked(self, _number: int, _frame: object) -> NoReturn:
        self.exit_code = TERMINATED
        raise KeyboardInterrupt


def make_report_dir(folder: Path) -> None:
    """Make the folder of the reports; raise UsageError if it cannot be made or written."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def fresh_log_dir(folder: Path) -> Path:
    """Make the folder for the logs of hosts beside the reports, without those of an earlier run, and return it."""
    logs = folder / HOST_LOGS
    with _writing(folder):
        logs.mkdir(exist_ok=True)
        for log in logs.glob("*.log"):
            log.unlink()
    return logs


def clear_reports(folder: Path, names: Iterable[str]) -> None:
    """Remove the reports of an earlier run; raise UsageError if that cannot be.

    Nothing is removed before everything that the command line says is known to be right.
    """
    with _writing(folder):
        for name in names:
            (folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"--report-dir: {folder} cannot be written ({error.strerror})") from None
