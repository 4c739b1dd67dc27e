"""Replaying files of recorded histories, and the results as a table or as JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.host.app.functions import FunctionApp
from durable_harness.protocol.history_file import LACKS, UnreadableHistoryError, read_history
from durable_harness.replay.history_replay import ReplayDifference, replay
from durable_harness.terminal.tables import aligned

OK, DIFFERENT, UNREADABLE = "ok", "different", "unreadable"
COLUMNS = ("history", "orchestrator", "events", "result")


@dataclass(frozen=True)
class FileResult:
    """The result of the replay of one recorded history."""

    file: str
    """The path of the file."""
    result: str
    """The outcome: `ok`, `different` or `unreadable`."""
    orchestrator: str = ""
    """The name of the orchestrator; empty if the file cannot be read."""
    events: int = 0
    """The number of events in the history."""
    lacks: tuple[str, ...] = ()
    """What the recording lacks, so that it was not compared: "turns", "dueTimes" or "inputs", as a tuple."""
    difference: ReplayDifference | None = None
    """The first difference; None if there is none."""
    reason: str = ""
    """Why the file cannot be read, or why it was not replayed to its end."""

    def explanation(self) -> list[str]:
        """Return lines that explain what is wrong and what was not compared; empty if there is nothing to explain."""
        if self.reason:
            return [f"{self.file}: {self.reason}"]
        lines = _explained(self.file, self.difference) if self.difference else []
        return lines + [f"{self.file}: was recorded without {LACKS.get(lack, lack)}" for lack in self.lacks]


def history_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files of these paths; a folder stands for all *.json in and below it. Raises UsageError for none."""
    files: list[Path] = []
    for path in paths:
        found = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        if not found:
            raise UsageError(f"There is no *.json in the folder {path}. Record a history: durable-harness record")
        files += found
    return files


def replay_files(files: Iterable[Path], app: FunctionApp) -> list[FileResult]:
    """Replay recorded histories against an app."""
    return [_replay_file(file, app) for file in files]


def table(results: Sequence[FileResult]) -> list[str]:
    """Return results as lines: a table, what is wrong with which file, and the counts."""
    rows = [COLUMNS, *((r.file, r.orchestrator, str(r.events or ""), r.result) for r in results)]
    lines = aligned(rows, right=[COLUMNS.index("events")])
    for result in results:
        if explanation := result.explanation():
            lines += ["", *explanation]
    counts = Counter(result.result for result in results)
    return [*lines, "", ", ".join(f"{counts[name]} {name}" for name in (OK, DIFFERENT, UNREADABLE))]


def as_json(results: Sequence[FileResult]) -> dict[str, Any]:
    """Return results as a JSON object."""
    counts = Counter(result.result for result in results)
    return {
        "counts": {name: counts[name] for name in (OK, DIFFERENT, UNREADABLE)},
        "histories": [_without_empty(dataclasses.asdict(result)) for result in results],
    }


def _replay_file(file: Path, app: FunctionApp) -> FileResult:
    try:
        history = read_history(file)
    except UnreadableHistoryError as error:
        return FileResult(str(file), UNREADABLE, reason=error.reason)
    difference = replay(history, app)
    if difference is not None and difference.line is not None:
        difference = dataclasses.replace(difference, line=_relative(difference.line, app.directory))
    return FileResult(
        file=str(file),
        result=DIFFERENT if difference else OK,
        orchestrator=history.orchestrator,
        events=len(history.events),
        lacks=tuple(sorted(history.lacks)),
        difference=difference,
    )


def _explained(file: str, difference: ReplayDifference) -> list[str]:
    event = "" if difference.event_id is None else f", event {difference.event_id}"
    line = f"   ({difference.line})" if difference.line else ""
    lines = [
        f"{file}: differs in {difference.aspect}, turn {difference.turn}{event}",
        f"  history: {difference.expected}",
        f"  today:   {difference.got}{line}",
    ]
    return [*lines, f"  {difference.place}"] if difference.place else lines


def _relative(line: str, directory: Path) -> str:
    file, _, number = line.rpartition(":")
    try:
        return f"{Path(file).resolve().relative_to(directory)}:{number}"
    except ValueError:
        return line


def _without_empty(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if value not in ("", None, ())}
