"""Tables, colours and help as a terminal shows them, and as a pipe gets them."""

import argparse
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from durable_harness.cli.command_line import make_parser
from durable_harness.cli.load import EXAMPLES, run_load
from durable_harness.terminal.colours import show
from durable_harness.terminal.tables import aligned

ESCAPE = "\x1b["


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def colours_undecided(monkeypatch):
    """Nothing outside the test decides about colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_columns_are_as_wide_as_their_widest_cell():
    """Words stand to the left and figures to the right, two blanks apart, with no blanks at a line's end."""
    rows = [("gate", "limit", ""), ("start_ms p95", "5", "no part"), ("x", "1,000", "")]
    assert aligned(rows, right=[1]) == ["gate          limit", "start_ms p95      5  no part", "x             1,000"]


def test_wide_characters_count_by_their_cells():
    """A name in Chinese characters, each two cells wide, leaves the next column where it is."""
    assert aligned([("名前", "a"), ("name", "b")]) == ["名前  a", "name  b"]


def test_text_of_users_is_no_markup():
    """What looks like rich's markup or emoji codes is shown as it is."""
    assert aligned([("[red]x[/red]", ":smile:")]) == ["[red]x[/red]  :smile:"]


def test_a_long_cell_is_neither_cut_nor_wrapped():
    """A reason of 5,000 characters stays on its line."""
    assert aligned([("a", "x" * 5000)]) == [f"a  {'x' * 5000}"]


def test_no_rows_are_no_lines():
    """An empty table is empty."""
    assert aligned([]) == []


REPORT = "gate  verdict\na     pass\nb     FAIL  (no part)\n\nFAILED: b is broken\n"


def test_a_terminal_shows_verdicts_in_colour():
    """Held gates are green, broken ones and the verdict red; the words themselves stay."""
    terminal = Terminal()
    show(REPORT, terminal)
    assert f"{ESCAPE}32mpass" in terminal.getvalue()
    assert f"{ESCAPE}31mFAIL" in terminal.getvalue()
    assert f"{ESCAPE}1;31mFAILED" in terminal.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()) == REPORT


@pytest.mark.parametrize(
    ("stream", "variables"),
    [(io.StringIO, {}), (Terminal, {"NO_COLOR": "1"}), (Terminal, {"TERM": "dumb"})],
    ids=["pipe", "NO_COLOR", "dumb"],
)
def test_elsewhere_the_text_has_no_colours(stream, variables, monkeypatch):
    """A pipe, NO_COLOR and a dumb terminal get the text to the byte."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    written = stream()
    show(REPORT, written)
    assert written.getvalue() == REPORT


def test_force_color_colours_a_pipe(monkeypatch):
    """FORCE_COLOR, as CI services with colours set it, asks for colours in a pipe."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    pipe = io.StringIO()
    show(REPORT, pipe)
    assert ESCAPE in pipe.getvalue()


def test_a_terminal_gets_long_lines_unbroken():
    """The terminal wraps a long line itself, so that a copied path has no line break."""
    terminal = Terminal()
    show(f"Report: {'x' * 500}\n", terminal)
    assert "x" * 500 in terminal.getvalue()


def _commands():
    action = next(one for one in make_parser()._actions if isinstance(one, argparse._SubParsersAction))
    return {name: action.choices[name] for name in (choice.dest for choice in action._choices_actions)}


@pytest.mark.parametrize("name", sorted(set(_commands()) - {"load", "func"}))
def test_every_command_has_a_sentence_and_an_example(name):
    """The help of a command says what it does, and ends in a command line that its own parser accepts by name."""
    parser = _commands()[name]
    help_text = parser.format_help()
    assert re.fullmatch(r"[A-Z].*\.", parser.description)
    assert re.search(rf"\nexamples?:\n  durable-harness {name}\b", help_text)


EXAMPLE = re.compile(r"^  durable-harness (.+)$", re.MULTILINE)
SHELLS_OWN = re.compile(r" (?:>|#).*")
# Locust's import patches the process, so it has one of its own.
UNKNOWN_TO_LOAD = """
import sys
from durable_harness.cli.load_help import load_parser
sys.exit(any(word.startswith("-") for word in load_parser().parse_known_args()[1]))
"""


def _examples():
    helps = {name: parser.format_help() for name, parser in _commands().items() if name not in {"load", "func"}}
    return [line for text in [*helps.values(), EXAMPLES] for line in EXAMPLE.findall(text)]


@pytest.mark.parametrize("line", _examples())
def test_an_example_is_accepted_by_its_own_parser(line, tmp_path, monkeypatch):
    """Each example of a help, typed as it stands there, has only options and values that its command takes."""
    monkeypatch.chdir(tmp_path)
    words = shlex.split(SHELLS_OWN.sub("", line))
    for name in (word.removeprefix("@") for word in words if word.startswith("@")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("{}")
    if words[0] == "load":
        assert (
            subprocess.run([sys.executable, "-c", UNKNOWN_TO_LOAD, *words[1:]], check=False, timeout=60).returncode == 0
        )
    else:
        make_parser().parse_args(words)


@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_the_help_of_load_needs_no_locust(asked, monkeypatch, capsys):
    """Without the extra the help shows what the command is for, and how its options are to be had."""
    monkeypatch.setattr("durable_harness.extras.is_installed", lambda module: module != "locust")
    with pytest.raises(SystemExit) as ended:
        run_load([asked])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert "Load an app with Locust and check the run against gates." in printed
    assert 'pip install "durable-harness[load]"' in printed


def test_the_help_of_func_names_each_of_its_words():
    """What stands for the word after func in its usage is no single one of those that it takes."""
    usage = _commands()["func"].format_usage()
    assert "start|run|host start" in usage
