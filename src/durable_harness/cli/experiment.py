"""What the commands of experiments share: the load that their options describe, how they are interrupted, reports."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from durable_harness.cli.values import above_zero, durations, path, whole
from durable_harness.documents import parse_json, read_json
from durable_harness.errors import INTERRUPTED, NOTHING_MEASURED, UsageError

if TYPE_CHECKING:
    from durable_harness.experiments.offered import OfferedLoad


def add_load(parser: argparse.ArgumentParser) -> None:
    """Options that say which app gets which operations."""
    group = parser.add_argument_group("load")
    group.add_argument("--app-dir", type=Path, default=Path(), metavar="DIR", help="folder of the function app (.)")
    group.add_argument(
        "--start-path",
        type=path,
        default="/api/async_http_api",
        metavar="PATH",
        help="route of the app where a POST starts an operation (/api/async_http_api)",
    )
    group.add_argument("--service", type=Path, metavar="FILE", help="description of a service that is no durable app")
    group.add_argument(
        "--payload", metavar="JSON|@FILE", help="body of every start; {token} in it is unique (default: the sample's)"
    )
    group.add_argument(
        "--operation-duration",
        type=durations,
        default="0.3-0.7",
        metavar="SECONDS",
        help="work asked for: a number, a range, or a mix with weights like 0.2-0.4:80,2:20 (0.3-0.7)",
    )
    group.add_argument("--poll-interval", type=above_zero, default=0.05, metavar="SECONDS", help="(0.05)")
    group.add_argument("--operation-timeout", type=above_zero, default=60.0, metavar="SECONDS", help="(60)")
    group.add_argument("--seed", type=whole, default=0, metavar="N", help="of arrivals, work and order (0)")


def offered_load(options: argparse.Namespace) -> OfferedLoad:
    """Return the load that the options describe; raise UsageError for what they cannot mean."""
    from durable_harness.experiments.offered import OfferedLoad  # noqa: PLC0415
    from durable_harness.operations import durable_webhooks, load_service  # noqa: PLC0415

    return OfferedLoad(
        service=load_service(options.service) if options.service else durable_webhooks(options.start_path),
        payload=_payload(options.payload),
        durations=options.operation_duration,
        poll_interval_s=options.poll_interval,
        timeout_s=options.operation_timeout,
    )


def _payload(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return read_json(Path(text[1:])) if text.startswith("@") else parse_json(text)
    except OSError as error:
        raise UsageError(f"--payload: {text[1:]} cannot be read ({error.strerror})") from None
    except ValueError as error:
        file = f"{text[1:]} " if text.startswith("@") else ""
        raise UsageError(f"--payload: {file}is not JSON ({error})") from None


class Interruptible:
    """A block that SIGTERM, by which CI cancels a job, leaves as Ctrl-C does: whatever was made is removed.

    What was measured by then is for the block to report. If it lets the interruption through there is nothing to
    report, and the command ends with a line that says so.
    """

    def __init__(self) -> None:
        self.exit_code = INTERRUPTED
        """The code of an interrupted command: that of Ctrl-C, unless SIGTERM came."""

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGTERM, self._on_sigterm)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGTERM, self._before)
        if isinstance(error, KeyboardInterrupt):
            sys.stderr.write(f"{NOTHING_MEASURED}\n")
            raise SystemExit(self.exit_code) from None

    def _on_sigterm(self, number: int, _frame: object) -> NoReturn:
        self.exit_code = 128 + number
        raise KeyboardInterrupt


def needs_extra() -> None:
    """Raise UsageError where the packages that load tests need are not installed."""
    try:
        import numpy  # noqa: F401, ICN001, PLC0415 - only looked for
        import pyarrow  # noqa: F401, ICN001, PLC0415 - same
    except ModuleNotFoundError as error:
        raise UsageError(f"needs {error.name}: install durable-harness[load]") from None


def prepare_reports(folder: Path, names: Iterable[str]) -> None:
    """Make the folder of the reports and remove those of an earlier run; raise UsageError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--report-dir: {folder} cannot be written ({error.strerror})") from None
