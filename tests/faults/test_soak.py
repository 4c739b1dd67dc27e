"""The soak's own command, for some seconds: it runs, ends, and finds what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

COMMAND = Path(__file__).parents[1] / "soak" / "run.py"


@pytest.mark.timeout(300)
def test_a_short_soak_loses_nothing(tmp_path):
    """For half a minute of every trouble that this machine allows, nothing that was accepted is lost."""
    soak = subprocess.run(
        [sys.executable, COMMAND, "--minutes", "0.5", "--rate", "20", "--output", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads((tmp_path / "soak.json").read_text())
    assert (soak.returncode, result["problems"]) == (0, []), soak.stdout + soak.stderr
    assert result["operations"]["ended"] == result["operations"]["accepted"] == 600
    assert result["troubles"]["kills"] > 0
