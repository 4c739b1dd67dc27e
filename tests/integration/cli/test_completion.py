"""Completion in real shells: `durable-harness completion SHELL`, sourced, asked for what a user begins to type."""

import shutil
import subprocess
import sys

import pytest

QUESTIONS = {
    ("com",): {"compare", "completion"},
    ("ab", "--ba"): {"--base"},
    ("load", "--gat"): {"--gates"},
    ("load", "--run-ti"): {"--run-time"},
    ("scheduler", "--durability", ""): {"full", "normal"},
    ("completion", ""): {"bash", "zsh", "fish", "powershell"},
}
BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); COMPREPLY=()
_shtab_durable_harness
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'source $argv[1]; complete -C "$argv[2]"'


@pytest.fixture(scope="module")
def script_for(tmp_path_factory):
    """Write the script of a shell, and return its path."""

    def write(shell):
        path = tmp_path_factory.mktemp("completion") / f"script.{shell}"
        command = [sys.executable, "-m", "durable_harness", "completion", shell]
        path.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return path

    return write


def _shell(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: install it to try completion in it")
    return found


def test_bash_completes_commands_options_and_values(script_for):
    """Bash offers commands, options of commands and of Locust, and the values that an option allows."""
    bash, script = _shell("bash"), script_for("bash")
    for words, expected in QUESTIONS.items():
        command = [bash, "-c", BASH, "bash", script, "durable-harness", *words]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert set(answer.split()) == expected, words


def test_fish_completes_commands_options_and_values(script_for):
    """Fish offers the same, each with its help."""
    fish, script = _shell("fish"), script_for("fish")
    for words, expected in QUESTIONS.items():
        command = [fish, "-c", FISH, script, " ".join(["durable-harness", *words])]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert {line.split("\t")[0] for line in answer.splitlines()} == expected, words


@pytest.fixture
def orders(tmp_path):
    """Return a folder with an app that has scenarios, and a helper beside them."""
    (tmp_path / "orders" / "loadtests").mkdir(parents=True)
    scenarios = "class Orders(ArrivalUser):\n    ...\n\n\nclass _Base(ArrivalUser): ...\n"
    (tmp_path / "orders" / "loadtests" / "orders.py").write_text(scenarios)
    return tmp_path


SCENARIOS = {
    ("load", "or"): {"orders"},
    ("load", "orders", "O"): {"Orders"},
    ("load", "orders", "--run-time", "3s", ""): {"orders", "Orders"},
}
"""What is offered where an app in `orders` has the scenario Orders."""


def test_bash_completes_folders_and_scenarios_of_load(script_for, orders):
    """After `load` come folders, and the scenarios in the folder that is named before."""
    bash, script = _shell("bash"), script_for("bash")
    for words, expected in SCENARIOS.items():
        command = [bash, "-c", BASH, "bash", script, "durable-harness", *words]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=orders).stdout
        assert set(answer.split()) == expected, words


def test_fish_completes_folders_and_scenarios_of_load(script_for, orders):
    """Fish offers the same."""
    fish, script = _shell("fish"), script_for("fish")
    for words, expected in SCENARIOS.items():
        command = [fish, "-c", FISH, script, " ".join(["durable-harness", *words])]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=orders).stdout
        assert {line.split("\t")[0].rstrip("/") for line in answer.splitlines()} == expected, words


def test_zsh_completes_each_word_of_load(script_for):
    """A word that may be repeated is not an optional first one in the script for zsh."""
    assert '"*:app folder, or scenario:_durable_harness_' in script_for("zsh").read_text()


def test_zsh_takes_its_script(script_for):
    """Zsh parses the script without complaint, and it is one that compinit loads."""
    zsh, script = _shell("zsh"), script_for("zsh")
    assert subprocess.run([zsh, "-n", script], check=False, capture_output=True, text=True).stderr == ""
    assert script.read_text().startswith("#compdef durable-harness\n")


def test_powershell_script_registers_a_completer(script_for):
    """The script for PowerShell registers a completer for the command; it is not run here."""
    assert "Register-ArgumentCompleter" in script_for("powershell").read_text()


def test_an_unknown_shell_is_refused_with_the_known_ones():
    """A shell that has no script ends with 2 and the list of those that have one."""
    command = [sys.executable, "-m", "durable_harness", "completion", "tcl"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    assert answer.returncode == 2
    assert "zsh" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_help_of_load_has_its_own_and_locusts_options():
    """The options of a load run come first, those of Locust after them, and an example at the end."""
    command = [sys.executable, "-m", "durable_harness", "load", "--help"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown.index("--gates") < shown.index("\nCommon options:") < shown.index("--run-time <time string>")
    assert shown.index("\nexamples:\n  durable-harness load ") > shown.index("--web-port")
