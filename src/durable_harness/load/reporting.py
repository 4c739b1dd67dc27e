"""Write a run's reports to its folder."""

from __future__ import annotations

from pathlib import Path

from durable_harness.errors import UsageError
from durable_harness.gate.report import Report, render_html, render_json

JSON_NAME = "summary.json"
HTML_NAME = "report.html"


def prepare_folder(folder: Path) -> None:
    """Make the folder before any load; raise UsageError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--report-dir: {folder} cannot be made ({error.strerror})") from error


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write the JSON and the HTML report and return their paths."""
    json_path, html_path = folder / JSON_NAME, folder / HTML_NAME
    folder.mkdir(parents=True, exist_ok=True)
    json_path.write_text(render_json(report), encoding="utf-8")
    html_path.write_text(render_html(report), encoding="utf-8")
    return json_path, html_path
