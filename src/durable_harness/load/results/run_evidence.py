"""What an evidence file of a load run has in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from durable_harness.evidence import (
    Evidence,
    Item,
    LogLines,
    Redactor,
    app_items,
    check_path,
    environment,
    known_secrets,
    redacted_command,
    scene,
)
from durable_harness.gate.records import FOLDER_NAME
from durable_harness.gate.writing import WrittenReports
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.typed_command import typed_command
from durable_harness.wording.foreign_text import hide

NO_LOAD = "no load was made: what an earlier run left in the report folder is not of this one"


def hide_what_is_known(options: LoadOptions) -> None:
    """Blank the app's secrets from now on, if an evidence file is asked for.

    Reasons are shortened where they are made: if a secret were blanked only later, a part of it would be left.
    """
    if options.evidence is not None:
        hide(known_secrets(options.app_dir))


class EvidenceOfRun:
    """The evidence file that a process leaves behind, if one is asked for: that of its latest run."""

    def __init__(self, path: Path | None) -> None:
        """Raise UsageError if it cannot be written; else begin to keep the log of this process."""
        self._path = path
        self._log = LogLines()
        if path is not None:
            check_path(path)
            self._log.attach()

    def added_to(
        self,
        written: WrittenReports,
        options: LoadOptions,
        about: Mapping[str, Any],
        log_path: Path | None,
        run: RunFacts,
    ) -> WrittenReports:
        """Write the file, and return the reports with it among them; nothing is written that was not asked for."""
        if self._path is None:
            return written
        secrets = [*run.secrets, *known_secrets(options.app_dir)]
        items = (*_items(written, options, log_path, run), Item.of_text("log.txt", self._log.text))
        payload = options.start.payload
        command = redacted_command(typed_command("locust"), Redactor(secrets, payload))
        problem = Evidence(items, {"command": command, **about}).write(self._path, secrets, payload)
        if problem:
            return written._replace(problems=(*written.problems, problem))
        return written._replace(paths=(*written.paths, self._path))


class RunFacts:
    """What the process of a run knows beside its options."""

    def __init__(self, parsed: Any, secrets: Iterable[str], *, served_here: bool, has_begun: bool) -> None:
        self.parsed = parsed
        self.secrets = tuple(filter(None, secrets))
        self.served_here = served_here
        self.has_begun = has_begun
        """Whether there was any load: what is in the folder of records before that is of an earlier run."""


def _items(written: WrittenReports, options: LoadOptions, log_path: Path | None, run: RunFacts) -> Iterator[Item]:
    for path in written.paths:
        yield Item.of_file(path.name, path)
    yield from _records(options.report_dir / FOLDER_NAME) if run.has_begun else [Item.absent(FOLDER_NAME, NO_LOAD)]
    if log_path is not None and log_path.is_file():
        yield Item.of_file("host.log", log_path)
    yield Item.of_facts("versions.json", scene)
    yield Item.of_json("settings.json", lambda: {"options": _plain(run.parsed), "environment": environment()})
    for name, file in (("gates.toml", options.gates_file), ("service.toml", options.service_file)):
        if file is not None and file.is_file():
            yield Item.of_file(name, file)
    if run.served_here:
        yield from app_items(options.app_dir)


def _records(folder: Path) -> Iterator[Item]:
    for path in sorted(folder.glob("*.parquet")):
        yield Item.of_table(f"{FOLDER_NAME}/{path.name}", path)


def _plain(parsed: Any) -> dict[str, Any]:
    """Return options as values that a document can hold."""
    plain = (bool, int, float, str, type(None))
    return {
        name: value if isinstance(value, plain) else str(value)
        for name, value in sorted(vars(parsed).items())
        if not callable(value)
    }
