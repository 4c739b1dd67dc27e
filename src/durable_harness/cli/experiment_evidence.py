"""The evidence file of an experiment: what `--evidence` makes of `ab` and `capacity`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_harness.cli.experiment import fresh_log_dir
from durable_harness.errors import HarnessError, ReportError
from durable_harness.load.options.shared_options import EVIDENCE, PAYLOAD
from durable_harness.wording.foreign_text import hide

if TYPE_CHECKING:
    from durable_harness.evidence import Item
    from durable_harness.experiments.keeping import Keep
    from durable_harness.operations import OperationRecord

RECORDS = "operations.parquet"


class ExperimentEvidence:
    """Gathers what an evidence file has in it, while an experiment runs; without a file it gathers nothing."""

    def __init__(
        self, options: argparse.Namespace, app_dir: Path, reports: Iterable[str], folder: Path, log_dir: Path
    ) -> None:
        from durable_harness.evidence import LogLines, known_secrets  # noqa: PLC0415 - for those who ask for evidence
        from durable_harness.experiments.keeping import KeptRecords  # noqa: PLC0415 - same

        self._options, self._app_dir, self._reports = options, app_dir, tuple(reports)
        self._folder, self._path = folder, Path(options.evidence)
        self._records = KeptRecords()
        self._payload = PAYLOAD.of(options)
        # Reasons are shortened where they are made: of a secret that is blanked only later a part would be left.
        hide(known_secrets(app_dir))
        self._log = LogLines().attach()
        self._log_dir = log_dir

    @property
    def path(self) -> Path:
        """Where the file is to be."""
        return self._path

    @property
    def keep(self) -> Keep:
        """What takes records."""
        return self._keep

    def _keep(self, name: str, records: Sequence[OperationRecord]) -> None:
        self._records.keep(name, records)

    def write(self, ended: str) -> str:
        """Write the file; return why it is missing, empty if it is there."""
        from durable_harness.evidence import Evidence, Redactor, known_secrets, redacted_command  # noqa: PLC0415 - as above
        from durable_harness.typed_command import typed_command  # noqa: PLC0415 - as above

        self._log.detach()
        secrets = [self._options.headers, getattr(self._options, "function_key", None)]
        known = [*filter(None, secrets), *known_secrets(self._app_dir)]
        self._records.write(self._folder / RECORDS)
        command = redacted_command(typed_command(), Redactor(known, self._payload))
        about = {"command": command, "ended": ended}
        return Evidence(tuple(self._items()), about).write(self._path, known, self._payload)

    def _items(self) -> Iterator[Item]:
        from durable_harness.evidence import Item, app_items, environment, scene  # noqa: PLC0415 - as above

        for name in self._reports:
            if (self._options.report_dir / name).is_file():
                yield Item.of_file(name, self._options.report_dir / name)
        if (self._folder / RECORDS).is_file():
            yield Item.of_table(RECORDS, self._folder / RECORDS)
        for log in sorted(self._log_dir.glob("*.log")):
            yield Item.of_file(f"logs/{log.name}", log)
        yield Item.of_text("log.txt", self._log.text)
        yield Item.of_facts("versions.json", scene)
        options = {name: str(value) for name, value in vars(self._options).items() if not callable(value)}
        yield Item.of_json("settings.json", lambda: {"options": options, "environment": environment()})
        for name, path in (
            ("gates.toml", getattr(self._options, "gates", None)),
            ("service.toml", self._options.service),
        ):
            if path and Path(path).is_file():
                yield Item.of_file(name, Path(path))
        if not getattr(self._options, "host", None):
            yield from app_items(self._app_dir)


@contextlib.contextmanager
def gathering(options: argparse.Namespace, app_dir: Path, reports: Iterable[str]) -> Iterator[Gathered]:
    """Gather evidence while the block runs, if a file is asked for; raise UsageError if it cannot be written.

    An error that ends the block is in the file too. Otherwise the block says how the experiment ended.
    """
    path = EVIDENCE.of(options)
    if path is None:
        yield Gathered(None, fresh_log_dir(options.report_dir))
        return
    from durable_harness.evidence import check_path  # noqa: PLC0415 - as above

    check_path(path)
    with tempfile.TemporaryDirectory(prefix="durable-harness-evidence-") as folder:
        log_dir = fresh_log_dir(options.report_dir)
        gathered = Gathered(ExperimentEvidence(options, app_dir, reports, Path(folder), log_dir), log_dir)
        try:
            yield gathered
        except HarnessError as error:
            gathered.finish(error.exit_code, f"by an error: {error}")
            raise
        except KeyboardInterrupt:
            gathered.finish(1, "interrupted before anything was measured")
            raise


class Gathered:
    """What an experiment passes its records and logs to, and how it ends."""

    def __init__(self, evidence: ExperimentEvidence | None, log_dir: Path) -> None:
        self._evidence, self._log_dir = evidence, log_dir

    @property
    def options(self) -> dict[str, Any]:
        """What the options of an experiment have in addition."""
        logs = {"log_dir": self._log_dir}
        return logs if self._evidence is None else {**logs, "keep": self._evidence.keep}

    def finish(self, code: int, ended: str) -> int:
        """Write the file and name it; return the exit code of the command, whose own would be `code`."""
        if self._evidence is None:
            return code
        problem = self._evidence.write(ended)
        sys.stdout.write(f"{problem}\n" if problem else f"Evidence: {self._evidence.path}\n")
        return code or (ReportError.exit_code if problem else 0)
