"""Mistyped commands and options: the error proposes the one that was meant."""

from durable_harness.cli import main
from durable_harness.wording.misspellings import hint


def refused(capsys, *words):
    """Return the error of a command line that cannot be read."""
    assert main(list(words)) == 2
    return capsys.readouterr().err


def test_a_mistyped_command_gets_the_nearest_one(capsys):
    """The error names the command that was meant, and where all are listed."""
    expected = "error: there is no command 'sevre'\n  Did you mean serve?\n  See: durable-harness --help\n"
    assert refused(capsys, "sevre") == expected
    assert "\n  Did you mean start?\n  See: durable-harness func --help\n" in refused(capsys, "func", "strat")


def test_an_unknown_command_gets_the_list_that_the_help_has(capsys):
    """Core Tools' spellings without `func` are in no list: they are twins of `serve`."""
    error = refused(capsys, "zzz")
    assert "\n  Expected one of init, load, serve, " in error
    listed = error.partition("Expected one of ")[2].partition(".\n")[0].split(", ")
    assert not {"start", "run", "host"} & set(listed)


def test_a_mistyped_option_gets_the_nearest_one(capsys):
    """The error proposes an option of the same command, also if the mistyped one has a value."""
    assert "unrecognized arguments: --relaod\n  Did you mean --reload?\n" in refused(capsys, "serve", "--relaod")
    assert "\n  Did you mean --timeout?\n" in refused(capsys, "why", "an-id", "--timout=3")


def test_a_name_like_no_other_gets_no_hint():
    """An odd proposal is worse than none."""
    assert hint("--sheduler", ["--drain-timeout", "--headless"]) == ""
    assert hint("", ["--reload"]) == ""
