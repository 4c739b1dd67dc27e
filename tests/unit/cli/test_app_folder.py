"""The folder of an app, named as an argument, by an option or in the environment."""

from argparse import Namespace
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
    """A folder beside another one in --app is a mistake that nobody should guess about."""
    with pytest.raises(UsageError, match="is named too"):
        read(str(tmp_path), "--app", "another")


def test_a_folder_that_is_none_is_refused():
    """The message names the option and what it expects."""
    with pytest.raises(UsageError, match="--app: got 'nowhere', expected the folder of a function app"):
        app_folder(Namespace(folder=None, app="nowhere"))
