"""A run's report for the terminal, for programs and for a browser."""

from durable_harness.gate.report.as_html import render_html
from durable_harness.gate.report.as_json import as_document, render_json
from durable_harness.gate.report.as_junit import render_junit
from durable_harness.gate.report.as_markdown import render_markdown
from durable_harness.gate.report.as_openmetrics import render_openmetrics
from durable_harness.gate.report.as_text import render_text
from durable_harness.gate.report.model import COMPLETION_ORIGIN, Report

__all__ = [
    "COMPLETION_ORIGIN",
    "Report",
    "as_document",
    "render_html",
    "render_json",
    "render_junit",
    "render_markdown",
    "render_openmetrics",
    "render_text",
]
