"""Write a run's reports to its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
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
from durable_harness.gate.writing import Written, append_step_summary, write_reports

HTML_NAME, MARKDOWN_NAME = "report.html", "summary.md"
RENDERINGS: Mapping[str, Callable[[Report], str]] = {
    "summary.json": render_json,
    HTML_NAME: render_html,
    MARKDOWN_NAME: render_markdown,
    "junit.xml": render_junit,
    "metrics.prom": render_openmetrics,
}
"""The files of a report, the ones that people look for first in front."""


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


def write_report(report: Report, folder: Path) -> Written:
    """Write the report in every form; CI's summary page gets it too, where there is one. Never raises."""
    written = write_reports(folder, {name: partial(render, report) for name, render in RENDERINGS.items()})
    if folder / MARKDOWN_NAME in written.paths:
        append_step_summary(render_markdown(report))
    return written
