"""Write reports to a folder: each of them whole or not at all, even if others fail."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from durable_harness.errors import ReportError
from durable_harness.whole_files import write_whole

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""GitHub Actions names a file here, to which a step appends what its summary page should show."""

logger = logging.getLogger(__name__)


class WrittenReports(NamedTuple):
    """What became of the reports."""

    paths: tuple[Path, ...]
    problems: tuple[str, ...]
    """Which reports are missing, and why."""

    def exit_code(self, code: int | None) -> int | None:
        """Return the exit code of a command that would end with `code`: without its reports it is no success."""
        return code or ReportError.exit_code if self.problems else code

    def sentence(self) -> str:
        """Name the reports, and those that are missing, as lines for the terminal."""
        lines = [f"Reports: {', '.join(map(str, self.paths))}"] if self.paths else []
        return "".join(f"{line}\n" for line in (*lines, *self.problems))


def write_reports(folder: Path, renderings: Mapping[str, Callable[[], str]]) -> WrittenReports:
    """Write a report under each name. Never raises."""
    paths, problems = [], []
    for name, render in renderings.items():
        problem = _write(folder / name, render)
        if problem is None:
            paths.append(folder / name)
        else:
            problems.append(problem)
    return WrittenReports(tuple(paths), tuple(problems))


def append_step_summary(markdown: str) -> None:
    """Show a report on CI's summary page, where there is one."""
    path = os.environ.get(STEP_SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as summary:
            summary.write(f"{markdown}\n")
    except OSError as error:
        logger.warning("%s: %s cannot be written (%s)", STEP_SUMMARY, path, error.strerror)


def _write(path: Path, render: Callable[[], str]) -> str | None:
    try:
        text = render()
    except Exception as error:
        logger.exception("Report %s", path)
        return f"report {path} is missing: it cannot be made ({type(error).__name__}, see the log)"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        return f"report {path} is missing: it cannot be written ({error.strerror})"
    return None
