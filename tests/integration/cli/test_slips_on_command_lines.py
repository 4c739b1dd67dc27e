"""Slips on command lines that serve or record: each ends with one error that names the option and what it expects."""

import subprocess
import sys

import pytest

from durable_harness.cli import main
from durable_harness.cli.init import _next
from durable_harness.cli.load import LOCUST


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["--useHttps", "--cert", "{tmp}/none.pfx"],
            "--cert {tmp}/none.pfx: the file cannot be read: No such file or ",
        ),
        (["--address", "192.0.2.1"], "--address 192.0.2.1: port 0 cannot be listened on: "),
        (
            ["--scheduler", "embeded"],
            "--scheduler: got 'embeded', expected embedded, settings, or a connection string\n  Did you mean embedded?",
        ),
    ],
)
def test_serve_names_the_option_that_is_wrong(tmp_path, words, error):
    """A missing certificate, an address of another machine and a misspelt scheduler are named with their options."""
    (tmp_path / "function_app.py").write_text("import azure.functions as func\n\napp = func.FunctionApp()\n")
    # In a process of its own: `serve` ends the process that it runs in, whatever else is under way there.
    command = [sys.executable, "-m", "durable_harness", "serve", str(tmp_path), "--port", "0", "--dashboard-port", "0"]
    command += [word.replace("{tmp}", str(tmp_path)) for word in words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: {error.replace('{tmp}', str(tmp_path))}")


def test_record_names_a_folder_that_cannot_be_written(capsys, tmp_path, monkeypatch):
    """A file in place of the folder of --out is an error with its path, not a traceback."""
    (tmp_path / "out").touch()
    document = {"orchestrator": "o", "events": [], "lacks": []}
    monkeypatch.setattr("durable_harness.cli.record._from_scheduler", lambda _options: lambda _id: document)
    assert main(["record", "an-id", "--scheduler", "settings", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"error: --out: {tmp_path / 'out' / 'an-id.json'} cannot be written: ")


@pytest.mark.parametrize("words", [["record", "an-id"], ["why", "an-id"], ["capacity", "--objective", "lost <= 0"]])
def test_a_host_that_is_not_a_url_is_named_with_its_option(capsys, words):
    """Each command that asks a running app names --host, and shows a URL as an example."""
    assert main([*words, "--host", "nowhere"]) == 2
    assert "error: --host: got 'nowhere', expected a URL like http://localhost:7071\n" in capsys.readouterr().err


def test_init_names_each_next_command_once(tmp_path):
    """What to do next can be copied as a whole: the folder is entered once."""
    folder = tmp_path / "app"
    folder.mkdir()
    lines = _next(folder, is_marked=False)
    assert lines[0].startswith("next: cd ")
    assert [line.strip() for line in lines[1:]] == ["durable-harness load", "pytest"]


@pytest.mark.parametrize("source", ["raise KeyboardInterrupt", "def main(): raise KeyboardInterrupt"])
def test_ctrl_c_while_locust_is_imported_leaves_no_traceback(tmp_path, source):
    """Ctrl-C in the second before Locust handles signals is one line and exit code 130."""
    (tmp_path / "locust").mkdir()
    (tmp_path / "locust" / "__init__.py").touch()
    functions = "load_locustfile = merge_locustfiles_content = load_locustfile_pytest = None\n"
    (tmp_path / "locust" / "main.py").write_text(f"{functions}{source}\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {LOCUST}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "locust: interrupted before anything was measured\n")
