"""The example of docs/how-to/triggers.md works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "triggers.md"
HOST_JSON = '{"version": "2.0"}'


def test_the_example_of_the_page_passes(tmp_path):
    """The app and the tests of the page run, with an empty host.json."""
    app, tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "function_app.py").write_text(app)
    (tmp_path / "test_orders.py").write_text(tests)
    (tmp_path / "host.json").write_text(HOST_JSON)
    (tmp_path / "pytest.ini").touch()
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
