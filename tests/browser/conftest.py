"""The browser of the tests in this folder, and the checks of whether everyone can use a page."""

import shutil
from pathlib import Path

import pytest

from npm_packages import installed

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def found():
    """Return the path of a browser."""
    path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"needs a browser: install one of {', '.join(BROWSERS)}")
    return path


@pytest.fixture(scope="session")
def axe():
    """Return the script of axe-core."""
    _, modules = installed(Path(__file__).parent)
    return (modules / "axe-core" / "axe.min.js").read_text("utf-8")
