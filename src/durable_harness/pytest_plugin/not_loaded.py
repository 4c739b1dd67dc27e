"""An app that does not load: the first test that needs it shows the error, and the others are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from durable_harness.pytest_plugin.runs import STATE


class AppNotLoadedError(pytest.fail.Exception):  # type: ignore[misc, name-defined]  # its type is not public
    """Raised when a test needs an app that does not load. Its message is the place in the app and Python's message."""

    def __init__(self, app_dir: Path, reason: str) -> None:
        self.app_dir = app_dir
        super().__init__(f"{app_dir}: {reason}", pytrace=False)


def report_once(item: pytest.Item, error: AppNotLoadedError, report: pytest.TestReport) -> None:
    """Turn the failure into a skip for every test after the first that needs an app that does not load."""
    first = item.config.stash[STATE].not_loaded.setdefault(str(error.app_dir), item.nodeid)
    if first != item.nodeid:
        path, line, _ = item.location
        report.outcome = "skipped"
        report.longrepr = (path, (line or 0) + 1, f"Skipped: the app does not load, see the error of {first}")
