"""What the commands of experiments share: the load that their options describe, how they are interrupted, reports."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from durable_harness.cli.app_folder import add_app_folder
from durable_harness.cli.values import above_zero, durations, whole
from durable_harness.errors import INTERRUPTED, NOTHING_MEASURED, UsageError
from durable_harness.platforms.signals import ASKED
from durable_harness.sigterm import TERMINATED

if TYPE_CHECKING:
    from durable_harness.experiments.before_load import BeforeLoad
    from durable_harness.experiments.offered import OfferedLoad


def add_load(parser: argparse.ArgumentParser) -> None:
    """Options that say which app gets which operations; load runs have them too, with the same names and defaults."""
    add_app_folder(parser)
    group = parser.add_argument_group("load")
    for name, metavar, read, meaning in START_OPTIONS:
        group.add_argument(name, type=checked(read), default=given(name), metavar=metavar, help=meaning)
    group.add_argument(
        "--service",
        type=Path,
        default=given("--service"),
        metavar="FILE",
        help="description of a service that is no durable app",
    )
    group.add_argument(
        "--operation-duration",
        type=durations,
        default=given("--operation-duration", "0.3-0.7"),
        metavar="SECONDS",
        help="work asked for: a number, a range, or a mix with weights like 0.2-0.4:80,2:20 (0.3-0.7)",
    )
    for name, reader, default, metavar, meaning in (
        ("--poll-interval", above_zero, "0.2", "SECONDS", "between two polls of an operation (0.2)"),
        ("--operation-timeout", above_zero, "60", "SECONDS", "after which an operation counts as timed out (60)"),
        ("--seed", whole, "1", "N", "of arrivals, work and order (1)"),
    ):
        group.add_argument(name, type=reader, default=given(name, default), metavar=metavar, help=meaning)
    group.add_argument(
        "--evidence",
        type=Path,
        default=given("--evidence"),
        metavar="FILE.zip",
        help="write all that a report about it needs into one file: results, records, logs, versions, settings without"
        " secrets",
    )
    group.add_argument(
        "--no-preflight",
        action="store_true",
        default=(given("--no-preflight") or "").lower() in {"1", "true", "yes"},
        help="make the load without one operation first that shows whether path and payload are right",
    )


START_OPTIONS = (
    (
        "--start-path",
        "PATH",
        "read_path",
        "where operations start; {number} and {token} in it are filled in (the app's one function that starts them)",
    ),
    (
        "--start-method",
        "METHOD",
        "read_method",
        "HTTP method of the start (the function's that starts operations, else POST)",
    ),
    (
        "--payload",
        "JSON|@FILE",
        "read_payload",
        'body of every start: {token} is unique, {number} counts, "{duration}" is the work in seconds (the sample\'s)',
    ),
    (
        "--raise-event",
        "NAME=JSON",
        "read_event",
        "an event that each operation gets once it is accepted: its name, or NAME=JSON with its data (none)",
    ),
    (
        "--headers",
        "TEXT|@FILE",
        "read_headers",
        "headers of starts and polls: 'Name: value' lines, or JSON; env:VARIABLE is read from the environment",
    ),
)
"""Their readers are those of load runs."""


def given(option: str, default: str | None = None) -> str | None:
    """Return the value of an option in the environment, where each has its twin."""
    return os.environ.get("DURABLE_HARNESS_" + option.removeprefix("--").replace("-", "_").upper()) or default


def checked(reader: str) -> Callable[[str], str]:
    """Check a text by one of the readers for the start, and keep it as it is."""

    def check(text: str) -> str:
        from durable_harness.load.options import start  # noqa: PLC0415 - for those who make load

        if text:
            getattr(start, reader)(text)
        return text

    return check


def offered_load(options: argparse.Namespace) -> OfferedLoad:
    """Return the load that the options describe; raise UsageError for what they cannot mean."""
    from durable_harness.experiments.offered import OfferedLoad  # noqa: PLC0415
    from durable_harness.load.options.start import StartOptions  # noqa: PLC0415
    from durable_harness.operations import durable_webhooks, load_service  # noqa: PLC0415
    from durable_harness.operations.description import SAMPLE_START_PATH  # noqa: PLC0415

    start = StartOptions.read(options)
    known = load_service(options.service) if options.service else durable_webhooks(start.path or SAMPLE_START_PATH)
    if start.event is not None and known.event is None:
        raise UsageError(
            "--raise-event: the service has no way to raise one. Describe it: [event] in the --service file"
        )
    return OfferedLoad(
        service=start.on(known),
        raises=start.event,
        payload=start.payload,
        durations=options.operation_duration,
        poll_interval_s=options.poll_interval,
        timeout_s=options.operation_timeout,
    )


def before_load(options: argparse.Namespace) -> BeforeLoad:
    """Return what is done before the load."""
    from durable_harness.experiments.before_load import BeforeLoad  # noqa: PLC0415

    return BeforeLoad(
        finds_start=not options.service and not options.start_path,
        method=options.start_method.upper() if options.start_method else None,
        preflight=not options.no_preflight,
        tell=show_line,
    )


def show_line(line: str) -> None:
    """Tell the person at the terminal what goes on."""
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
