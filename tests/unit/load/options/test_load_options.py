"""The load test's command line options: defaults, checks, environment twins."""

import argparse
import math
import resource
from pathlib import Path
from random import Random

import pytest

from durable_harness.errors import UsageError
from durable_harness.load.options.arguments import add_options
from durable_harness.load.options.declared_option import DeclaredOption, switch
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.option_values import read_durations
from durable_harness.load.watch import Bounds


class Parser(argparse.ArgumentParser):
    """Takes what Locust's parser takes besides, and remembers it."""

    def __init__(self):
        self.environment, self.in_web_ui = {}, set()
        super().__init__(exit_on_error=False, add_help=False)

    def add_argument(self, *names, env_var=None, include_in_web_ui=True, **options):
        """Add an argument as Locust's parser does."""
        self.environment[names[0]] = env_var
        self.in_web_ui |= {names[0]} if include_in_web_ui else set()
        return super().add_argument(*names, **options)


@pytest.fixture
def parser():
    """Return a parser with the options, as if no gates.toml lay beside the scenarios."""
    made = Parser()
    add_options(made, None)
    return made


def test_the_defaults_suit_the_sample_app(parser):
    """Without options: short operations, fixed polling of the webhook, no gates, reports under build."""
    read = LoadOptions.read(parser.parse_args([]))
    assert (read.poll_strategy, read.poll_interval_s, read.status_source) == ("fixed", 0.2, "webhook")
    assert str(read.operation_duration_s) == "0.3 to 0.7 s"
    assert (str(read.rate), read.arrivals, read.seed, read.poll_budget, read.service()) == (
        "10",
        "scenario",
        1,
        3,
        None,
    )
    assert (read.operation_timeout_s, read.drain_timeout_s) == (60, 30)
    assert (read.function_key, read.gates_file, read.gates()) == (None, None, ())
    assert (read.app_dir, read.report_dir) == (Path(), Path("build/load"))


def test_every_option_has_an_environment_twin(parser):
    """Each option can be set by a DURABLE_HARNESS_ variable named after it."""
    assert parser.environment == {
        name: "DURABLE_HARNESS_" + name.removeprefix("--").replace("-", "_").upper() for name in parser.environment
    }


def test_the_help_of_an_option_ends_with_its_default(parser):
    """Every option with a value names its default, which is the one that is read."""
    helps = {action.option_strings[0]: action.help for action in parser._actions if action.nargs != 0}
    assert all(" Defaults to " in text.splitlines()[-1] and text.endswith(".") for text in helps.values())
    assert helps["--poll-interval"].endswith("Defaults to 0.2.")
    assert helps["--arrivals"].endswith("Defaults to scenario.")


def test_experiments_show_the_same_meaning_and_default():
    """`ab` and load runs have one declaration of an option, each in the style of its own help."""
    option = DeclaredOption("--wait", float, 2.5, "seconds to wait", "SECONDS")
    assert (option.sentence, option.phrase) == ("Seconds to wait. Defaults to 2.5.", "seconds to wait (2.5)")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("no", False), ("", False)])
def test_a_switch_is_turned_on_in_the_environment(monkeypatch, text, value):
    """The words that Locust's parser takes for a switch count in the other commands too."""
    monkeypatch.setenv("DURABLE_HARNESS_LOUD", text)
    made = argparse.ArgumentParser()
    switch("--loud", "say more").add_to(made)
    assert made.parse_args([]).loud is value


def test_the_web_form_shows_what_a_run_may_change(parser):
    """The form has the options of a run; the key, files and folders are those of the process."""
    assert not {"--gates", "--app", "--report-dir", "--service", "--function-key"} & parser.in_web_ui
    assert not {"--start-path", "--start-method", "--payload", "--headers"} & parser.in_web_ui
    assert {"--poll-strategy", "--operation-duration", "--drain-timeout"} <= parser.in_web_ui


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--poll-interval", "0", "got '0', expected seconds above 0"),
        ("--poll-interval", "often", "got 'often', expected seconds above 0"),
        ("--operation-timeout", "inf", "got 'inf', expected seconds above 0"),
        ("--drain-timeout", "-1", "got '-1', expected seconds, 0 or more"),
        ("--poll-strategy", "often", "choose from"),
        ("--status-source", "log", "choose from"),
        ("--operation-duration", "0.7-0.3", "expected the smaller number first"),
        ("--operation-duration", "0.3-", "got '', expected seconds, 0 or more"),
        ("--app-dir", "absent", "got 'absent', expected the folder of a function app"),
        ("--operation-duration", "1:0", "got '0', expected a number above 0"),
        ("--rate", "fast", "got 'fast', expected operations per second like 12"),
        ("--arrivals", "often", "choose from"),
        ("--seed", "1.5", "got '1.5', expected a whole number, 0 or more"),
        ("--poll-budget", "0", "got '0', expected a number above 0"),
        ("--service", "absent.toml", "there is no such service file"),
        ("--connections", "0", "got '0', expected a number of connections, 1 or more"),
        ("--connections", "many", "got 'many', expected a number of connections, 1 or more"),
        ("--max-slip-ms", "-1", "got '-1', expected a number, 0 or more (inf for no bound)"),
        ("--max-cpu-percent", "all", "got 'all', expected a number, 0 or more (inf for no bound)"),
        ("--gates", "absent.toml", "there is no such gates file"),
        ("--metrics-port", "http", "got 'http', expected a whole number, 0 or more"),
        ("--metrics-port", "65536", "got '65536', expected a port up to 65535"),
        ("--otlp-endpoint", "localhost:4318", "got 'localhost:4318', expected a URL like http://localhost:4318"),
        ("--traceparent", "maybe", "choose from"),
    ],
)
def test_a_bad_value_is_refused(parser, option, value, message):
    """A value that an option cannot take is refused, with what came and what is allowed."""
    with pytest.raises(argparse.ArgumentError) as error:
        parser.parse_args([f"{option}={value}"])
    assert option in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0", "0 s"),
        ("2.5", "2.5 s"),
        ("0.3-0.7", "0.3 to 0.7 s"),
        ("0.2-0.4:75, 2:25", "0.75 of 0.2 to 0.4 s, 0.25 of 2 s"),
    ],
)
def test_a_duration_is_a_number_a_range_or_a_mix(text, shown):
    """An operation's work is a fixed number of seconds, evenly spread over a range, or one of several by weight."""
    assert str(read_durations(text)) == shown


def test_durations_are_drawn_by_weight_and_repeatably():
    """A mix is drawn as often as its weights specify, within its ranges, and the same seed draws the same again."""
    mix = read_durations("0.2-0.4:75,2:25")
    drawn = [mix.pick_s(random) for random in [Random(7)] for _ in range(1000)]
    assert sum(duration == 2 for duration in drawn) == 235
    assert all(duration == 2 or 0.2 <= duration <= 0.4 for duration in drawn)
    again = Random(7)
    assert [mix.pick_s(again) for _ in range(1000)] == drawn


def test_what_a_web_form_let_through_is_refused(parser):
    """The web form checks nothing: reading its values raises a usage error."""
    parsed = parser.parse_args([])
    parsed.poll_strategy = "often"
    with pytest.raises(UsageError, match="got 'often', expected one of"):
        LoadOptions.read(parsed)


def test_gates_are_those_that_were_checked(parser, tmp_path):
    """A gates file that is changed while a run lasts does not change what the run is judged by."""
    path = tmp_path / "gates.toml"
    path.write_text("[completion_ms]\np50 = 5\n")
    read = LoadOptions.read(parser.parse_args(["--gates", str(path)]))
    path.write_text("not TOML any longer")
    assert [gate.limit for gate in read.gates()] == [5]


def test_gates_can_be_turned_off(tmp_path):
    """'none' means no gates even where a gates.toml lies beside the scenarios."""
    path = tmp_path / "gates.toml"
    path.write_text("[completion_ms]\np50 = 5\n")
    made = Parser()
    add_options(made, path)
    assert LoadOptions.read(made.parse_args([])).gates_file == path
    assert LoadOptions.read(made.parse_args(["--gates", "none"])).gates() == ()


def test_the_key_is_not_part_of_the_report(parser):
    """What the report shows of the options has no secret."""
    read = LoadOptions.read(parser.parse_args(["--function-key", "secret"]))
    assert read.function_key == "secret"
    assert "secret" not in str(read.for_report())


def test_more_connections_than_the_system_allows_are_refused(parser):
    """A limit of open files that cannot be raised is reported before any load, with what to do."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        pytest.skip("this system has no limit of open files: set one with ulimit -Hn to run this test")
    with pytest.raises(UsageError, match=r"--connections: .* open files here: lower it to .*ulimit -Hn"):
        LoadOptions.read(parser.parse_args(["--connections", str(hard)]))


def test_a_limit_without_room_for_connections_is_reported(parser, monkeypatch):
    """With fewer open files than the process itself needs even one connection is refused, with the real limit."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 100))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    with pytest.raises(UsageError, match=r"a process may have 100 open files here: lower it to 1, or"):
        LoadOptions.read(parser.parse_args(["--connections", "1"]))


def test_the_bounds_of_a_valid_run_are_options(parser):
    """Each bound of the generator can be set, infinity turns one off, and the defaults are those of the help."""
    arguments = ["--max-slip-ms", "5", "--max-stall-ms", "inf", "--connections", "7", "--insecure"]
    generator = LoadOptions.read(parser.parse_args(arguments)).generator
    assert (generator.connections, generator.insecure) == (7, True)
    assert generator.bounds == Bounds(max_slip_ms=5, max_stall_ms=math.inf)
