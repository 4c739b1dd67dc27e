"""Names of scenarios, run times and options that Locust cannot use are usage errors, with what is known and meant."""

import argparse

import pytest

from durable_harness.cli.load import check_locustfiles
from durable_harness.errors import UsageError


@pytest.fixture
def parsing(import_unpatched):
    """Return the module; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.options.parsing")


def scenario(name, *, abstract=False):
    """Make a class as Locust knows it."""
    return type(name, (), {"abstract": abstract, "__module__": __name__})


ORDERS, TRIPS, MARKED = scenario("StartOrders"), scenario("StartTrips"), scenario("StartClaims", abstract=True)


def test_an_unknown_scenario_is_refused_with_the_known_ones(parsing):
    """The message has what was given, the scenarios that there are, and the one that was meant."""
    known = r"expected one of these scenarios: StartOrders, StartTrips"
    with pytest.raises(UsageError, match=rf"^got 'StartOrdrs', {known}\n  Did you mean StartOrders\?$"):
        parsing.check_names(["StartTrips", "StartOrdrs"], [TRIPS, ORDERS, MARKED])


def test_a_scenario_that_is_marked_is_named(parsing):
    """One that `init` marked is not unknown: the mark, and the file that it is in, are named."""
    with pytest.raises(
        UsageError, match=r"StartClaims \(.*test_locust_command_lines\.py\) is marked `abstract = True`"
    ):
        parsing.check_names(["StartClaims"], [ORDERS, MARKED])


def test_nothing_to_run_names_the_marked_ones(parsing):
    """Where each scenario is marked the reason is the mark, whether or not a name is given."""
    with pytest.raises(UsageError, match=r"no scenario to run, each is marked `abstract = True`: StartClaims \("):
        parsing.check_names([], [MARKED])
    with pytest.raises(UsageError, match="no file defines a subclass of ArrivalUser"):
        parsing.check_names([], [])
    parsing.check_names(["StartOrders"], [ORDERS, MARKED])


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_run_time_that_is_over_at_once_is_refused(parsing, seconds):
    """Locust would run without an end; no run time at all, and one above 0, are none of that."""
    with pytest.raises(UsageError, match=rf"--run-time: got {seconds}, expected a time above 0"):
        parsing.check_run_time(seconds)
    parsing.check_run_time(None)
    parsing.check_run_time(1)


@pytest.mark.parametrize(
    ("word", "meant"), [("--sheduler", ""), ("--drain-timout=3", "\n  Did you mean --drain-timeout?")]
)
def test_an_unknown_option_has_a_hint_only_if_one_is_alike(parsing, capsys, word, meant):
    """An option that resembles none gets no odd one proposed; the message begins as those of other commands do."""
    parser = argparse.ArgumentParser(prog="durable-harness load")
    for name in ("--drain-timeout", "--headful", "--headless"):
        parser.add_argument(name)
    parsing.check_command_line(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([word])
    assert ended.value.code == 2
    message = f"error: unrecognized arguments: {word}{meant}\n  See: durable-harness load --help\n"
    assert capsys.readouterr().err == message


def test_a_file_of_scenarios_that_is_not_there_is_refused(tmp_path):
    """A path that is missing or no Python file is named; folders, addresses and the master's files are Locust's."""
    (tmp_path / "steady.py").touch()
    check_locustfiles(f"{tmp_path}, {tmp_path / 'steady.py'}, https://host/steady.py")
    check_locustfiles("-")
    check_locustfiles("")
    with pytest.raises(UsageError, match=r"--locustfile: got '.*nowhere\.py', expected a \.py file"):
        check_locustfiles(f"{tmp_path},{tmp_path / 'nowhere.py'}")
