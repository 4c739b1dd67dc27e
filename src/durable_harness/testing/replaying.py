"""Replaying recorded histories in a test: the `durable_replay` fixture."""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durable_harness.replay import FileResult, ReplayedApp

MAX_LINES = 60


class HistoryReplayer:
    """Replays recorded histories against an app; call it with files, folders or patterns such as "histories/*.json".

    Paths are relative to the root directory of the tests.
    """

    def __init__(self, root: Path, app_dir: Path, load: Callable[[Path], ReplayedApp]) -> None:
        self._root, self._app_dir, self._load = root, app_dir, load

    def __call__(self, *histories: str | Path, app_dir: str | Path | None = None) -> list[FileResult]:
        """Replay them, and return what came of each; fail, naming each first difference, unless all replay clean.

        `app_dir` names another app than the one under test. Fails also where nothing matches, and for what is none.
        """
        __tracebackhide__ = True
        from durable_harness.replay import OK, history_files, replay_files, table  # noqa: PLC0415 - only who uses it pays

        files = history_files(self._found(histories))
        directory = self._app_dir if app_dir is None else self._root / app_dir
        with self._load(directory).loaded() as app:
            results = replay_files(files, app)
        wrong = [result for result in results if result.result != OK]
        if wrong:
            told = "\n".join(_few(table([self._shortly(result) for result in wrong])))
            raise AssertionError(f"{len(wrong)} of {len(results)} recorded histories do not replay clean\n{told}")
        return results

    def _found(self, histories: Sequence[str | Path]) -> list[Path]:
        __tracebackhide__ = True
        found = []
        for pattern in map(str, histories):
            matching = sorted(glob.glob(str(self._root / pattern), recursive=True))  # noqa: PTH207 - may be absolute
            if not matching:
                raise AssertionError(f"no recorded history matches '{pattern}' in {self._root}")
            found += [Path(path) for path in matching]
        return found

    def _shortly(self, result: FileResult) -> FileResult:
        """Return a result whose file is named from the root, where it is there."""
        file = Path(result.file)
        is_below = file.is_relative_to(self._root)
        return dataclasses.replace(result, file=str(file.relative_to(self._root))) if is_below else result


def _few(lines: list[str]) -> list[str]:
    if len(lines) <= MAX_LINES:
        return lines
    return [*lines[: MAX_LINES - 1], f"… {len(lines) - MAX_LINES + 1} more lines; all: durable-harness replay"]
