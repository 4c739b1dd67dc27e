"""The plugin works with the older versions of pytest that it promises: its own tests pass on each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from older_packages import environment_with

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
WHEELS = {
    "7.4.4": "b090cdf5ed60bf4c45261be03239c2c1c22df034fbffe691abe93cd80cea01d8",
    "8.4.2": "872f880de3fc3a5bdc88a11b39c9710c3497a547cfa9320bc3c5e62fbf272e79",
}
ON_ANY_PYTEST = ("test_on_emulator.py", "test_wheel.py")
"""What these prove has little to do with pytest, and takes long."""


@pytest.mark.parametrize("version", WHEELS)
def test_the_plugins_tests_pass(version, tmp_path):
    """Fixtures, options, reports, faults and coverage behave on that pytest as on the one that is pinned."""
    words = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    words += [f"--basetemp={tmp_path / 'base'}", *(f"--ignore={HERE / name}" for name in ON_ANY_PYTEST), str(HERE)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = inherited | environment_with("pytest", version, WHEELS[version])
    asked = subprocess.run([*words, "--version"], env=environment, capture_output=True, text=True, check=False)
    assert f"pytest {version}" in asked.stdout
    done = subprocess.run(words, cwd=HERE.parents[1], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
