"""Write a run's reports to its folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from durable_harness.errors import UsageError
from durable_harness.gate.records import FOLDER_NAME
from durable_harness.gate.report import (
    Report,
    render_html,
    render_json,
    render_junit,
    render_markdown,
    render_openmetrics,
)

logger = logging.getLogger(__name__)

HTML_NAME = "report.html"
RENDERINGS: Mapping[str, Callable[[Report], str]] = {
    "summary.json": render_json,
    HTML_NAME: render_html,
    "summary.md": render_markdown,
    "junit.xml": render_junit,
    "metrics.prom": render_openmetrics,
}
"""The files of a report, the ones that people look for first in front."""
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""GitHub Actions names a file here, to which a step appends what its summary page should show."""


def prepare_folder(folder: Path) -> None:
    """Make the folder, and that of the records in it, before any load; raise UsageError if that cannot be."""
    try:
        (folder / FOLDER_NAME).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--report-dir: {folder / FOLDER_NAME} cannot be made ({error.strerror})") from error


def clear_reports(folder: Path) -> None:
    """Remove the reports of an earlier run, which a run that does not get so far would seem to have written."""
    for name in RENDERINGS:
        (folder / name).unlink(missing_ok=True)


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write the report in every form and return their paths; CI's summary page gets it too, where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, render in RENDERINGS.items():
        paths.append(folder / name)
        paths[-1].write_text(render(report), encoding="utf-8")
    _show_in_ci(render_markdown(report))
    return tuple(paths)


def _show_in_ci(markdown: str) -> None:
    path = os.environ.get(STEP_SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as summary:
            summary.write(f"{markdown}\n")
    except OSError as error:
        logger.warning("%s: %s cannot be written (%s)", STEP_SUMMARY, path, error.strerror)
