"""Write a run's reports to its folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from durable_harness.errors import UsageError
from durable_harness.gate.records import FOLDER_NAME, PREVIOUS
from durable_harness.gate.report import (
    Report,
    render_html,
    render_json,
    render_junit,
    render_markdown,
    render_openmetrics,
)
from durable_harness.gate.trace_links import FOLDER_NAME as PAGES
from durable_harness.gate.writing import WrittenReports, append_step_summary, write_reports
from durable_harness.load.options.target import STACK_LOG
from durable_harness.load.results.record_files import clear_operations
from durable_harness.load.results.twice_in_run import TWICE_NAME

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


def set_aside(folder: Path) -> Path | None:
    """Move all that an earlier run left there to a folder in it, and return that; None if there is none.

    A command that may come to no run must neither seem to have written an old report nor remove it. Raises UsageError
    if that cannot be.
    """
    previous = folder / PREVIOUS
    if not any((folder / name).is_file() for name in RENDERINGS) and not _has_records(folder):
        return previous if previous.is_dir() else None
    try:
        clear_previous(folder)
        previous.mkdir(exist_ok=True)
        for name in (*RENDERINGS, FOLDER_NAME, STACK_LOG, TWICE_NAME, *_pages(folder)):
            if (folder / name).exists():
                (previous / name).parent.mkdir(exist_ok=True)
                (folder / name).rename(previous / name)
        _leave_pages(folder)
    except OSError as error:
        raise UsageError(f"--report-dir: {previous} cannot be written ({error.strerror})") from error
    return previous


def clear_previous(folder: Path) -> None:
    """Remove the earlier run that was set aside: another one takes its place. What is not of a run stays."""
    previous = folder / PREVIOUS
    clear_operations(previous)
    clear_reports(previous)
    (previous / STACK_LOG).unlink(missing_ok=True)
    for empty in (previous / FOLDER_NAME, previous):
        with contextlib.suppress(OSError):  # it is not there, or has more in it
            empty.rmdir()


def _has_records(folder: Path) -> bool:
    return any((folder / FOLDER_NAME).glob("*.parquet"))


def clear_reports(folder: Path) -> None:
    """Remove the reports of an earlier run, and their pages, which a run that is killed would seem to have written."""
    for name in (*RENDERINGS, TWICE_NAME, *_pages(folder)):
        (folder / name).unlink(missing_ok=True)
    _leave_pages(folder)


def _pages(folder: Path) -> list[str]:
    return [f"{PAGES}/{page.name}" for page in (folder / PAGES).glob("*.html")]


def _leave_pages(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is not there, or has more in it
        (folder / PAGES).rmdir()


def write_report(report: Report, folder: Path) -> WrittenReports:
    """Write the report in every form; CI's summary page gets it too, where there is one. Never raises."""
    written = write_reports(folder, {name: partial(render, report) for name, render in RENDERINGS.items()})
    if folder / MARKDOWN_NAME in written.paths:
        append_step_summary(render_markdown(report))
    return written
