"""The folder of an app, named as an argument, by an option or in the environment."""

from pathlib import Path

import pytest

from durable_harness.cli.app_folder import app_folder
from durable_harness.cli.command_line import make_parser
from durable_harness.errors import UsageError


def read(*arguments):
    """Return the folder that the arguments of `serve` name."""
    return app_folder(make_parser().parse_args(["serve", *arguments]))


@pytest.mark.parametrize("variable", ["DURABLE_HARNESS_APP", "DURABLE_HARNESS_APP_DIR"])
def test_the_argument_goes_before_the_environment(tmp_path, monkeypatch, variable):
    """The environment is what holds if nothing is named; its former name counts too."""
    (tmp_path / "named").mkdir()
    assert read() == Path()
    monkeypatch.setenv(variable, str(tmp_path))
    assert read() == tmp_path
    assert read(str(tmp_path / "named")) == tmp_path / "named"
    assert read("--app", str(tmp_path / "named")) == tmp_path / "named"


@pytest.mark.parametrize("words", [["record", "an-id"], ["replay", "a.json"]])
def test_commands_about_histories_read_the_environment_too(tmp_path, monkeypatch, words):
    """`record` and `replay` find the app where all other commands do, and `--app` goes before it."""
    (tmp_path / "named").mkdir()
    monkeypatch.setenv("DURABLE_HARNESS_APP", str(tmp_path))
    parser = make_parser()
    assert app_folder(parser.parse_args(words)) == tmp_path
    assert app_folder(parser.parse_args([*words, "--app", str(tmp_path / "named")])) == tmp_path / "named"


@pytest.mark.parametrize("option", ["--app", "--app-dir", "--script-root", "--prefix"])
def test_every_spelling_is_taken(tmp_path, option):
    """The former names of --app, and those of Core Tools, mean the same."""
    assert read(option, str(tmp_path)) == tmp_path


def test_two_folders_are_refused(tmp_path):
    """A folder beside another one in --app is a mistake; the command does not guess which one is meant."""
    with pytest.raises(UsageError, match="is named too"):
        read(str(tmp_path), "--app", "another")


def test_a_folder_that_is_not_there_is_refused(tmp_path, monkeypatch):
    """The message names what the user wrote the folder in: the argument, the option, or the variable."""
    expected = "got 'nowhere', expected the folder of a function app$"
    with pytest.raises(UsageError, match=f"^FOLDER: {expected}"):
        read("nowhere")
    with pytest.raises(UsageError, match=f"^--app: {expected}"):
        read("--app", "nowhere")
    monkeypatch.setenv("DURABLE_HARNESS_APP", "nowhere")
    with pytest.raises(UsageError, match=f"^DURABLE_HARNESS_APP: {expected}"):
        read()
    monkeypatch.setenv("DURABLE_HARNESS_APP", str(tmp_path))
    with pytest.raises(UsageError, match=f"^--app: {expected}"):
        read("--app", "nowhere")


def test_the_folder_that_was_meant_is_proposed(tmp_path):
    """A misspelt folder gets the name of one beside it; a file gets the advice to leave its name out."""
    (tmp_path / "orders").mkdir()
    with pytest.raises(UsageError, match="expected the folder of a function app\n  Did you mean orders\\?"):
        read(str(tmp_path / "ordres"))
    (tmp_path / "function_app.py").touch()
    with pytest.raises(UsageError, match="not a file\\. Leave out the file's name\\."):
        read(str(tmp_path / "function_app.py"))
