"""How many calls of our own functions an operation takes: growth is seen when it happens, not a year later."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "way_of_an_operation.py"
DESIGN = ROOT / "docs" / "explanation" / "design.md"


def counted(*arguments):
    """Return the figures of a whole operation, by name."""
    subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], cwd=ROOT, check=True, capture_output=True)
    return json.loads((ROOT / "build" / "way-of-an-operation.json").read_text())["whole operation"]


def test_an_operation_takes_no_more_calls_than_the_design_says():
    """The calls and the changes of file of one operation of the sample app stay within what the design page names."""
    limits = re.findall(r"holds it at (\d+) calls and (\d+) changes", DESIGN.read_text())
    calls, changes = map(int, limits[sys.version_info >= (3, 12)])
    whole = counted("--operations", 5)
    assert 0 < whole["calls"] <= calls
    assert 0 < whole["changes"] <= changes
