"""An app that does not start: each command prints why, once and in the same words."""

import subprocess
import sys

import pytest

from durable_harness.cli import main
from durable_harness.stack.processes import DID_NOT_START

ERRORS = {
    "no app": (None, "error: There is no function_app.py in "),
    "does not import": ("import not_there_at_all\n", "error: function_app.py does not import:\n"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_command_that_serves_an_app_prints_its_error_once(tmp_path, capsys, name):
    """What the serving process printed is the error: no second line introduces it, and `serve` prints the same."""
    text, begins = ERRORS[name]
    if text is not None:
        (tmp_path / "function_app.py").write_text(text)
    # In a process of its own: `serve` may end the process that it runs in.
    command = [sys.executable, "-m", "durable_harness", "serve", str(tmp_path), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    served = done.stderr
    assert done.returncode == 5, served
    assert served.startswith(begins)
    assert main(["init", str(tmp_path)]) == 5
    error = capsys.readouterr().err
    assert error == served
    assert DID_NOT_START not in error
