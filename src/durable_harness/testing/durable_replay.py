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
    """Replay recorded histories against today's code of an app.

        def test_histories(durable_replay):
            durable_replay("tests/histories/*.json")

    The fixture `durable_replay` makes it. Call it with files, folders or patterns, relative to the root directory of
    the tests. With `app_dir` it replays against the app in another folder. It returns one `FileResult` for each file.

    Raises:
        AssertionError: a history does not replay as recorded, a file is not a history, or a pattern matches no file.
            The message shows the first difference of each file.
        UsageError: a folder has no *.json file.
    """

    def __init__(self, root: Path, app_dir: Path, load: Callable[[Path], ReplayedApp]) -> None:
        self._root, self._app_dir, self._load = root, app_dir, load

    def __call__(self, *histories: str | Path, app_dir: str | Path | None = None) -> list[FileResult]:
        """Replay recorded histories and return a result for each file.

        Args:
            histories: files, folders, or patterns such as "tests/histories/*.json".
            app_dir: the folder of an app other than the app under test.

        Raises:
            AssertionError: a history does not replay as recorded, a file is not a history, or a pattern matches no
                file. The message shows the first difference of each file.
            UsageError: a folder has no *.json file.
        """
        __tracebackhide__ = True
        from durable_harness.replay import OK, history_files, replay_files, table  # noqa: PLC0415 - only who uses it pays

        files = history_files(self._found(histories))
        directory = self._app_dir if app_dir is None else self._root / app_dir
        with self._load(directory).loaded() as app:
            results = replay_files(files, app)
        wrong = [result for result in results if result.result != OK]
        if wrong:
            listed = "\n".join(_few(table([self._shortly(result) for result in wrong])))
            raise AssertionError(f"{len(wrong)} of {len(results)} recorded histories do not replay clean\n{listed}")
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
