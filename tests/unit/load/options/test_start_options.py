"""The options that specify how operations start, for all commands alike."""

import argparse
from argparse import Namespace

import pytest

from durable_harness.cli.command_line import make_parser
from durable_harness.load.options.shared_options import START
from durable_harness.load.options.start import StartOptions
from durable_harness.load.options.start_values import read_event, read_headers, read_payload
from durable_harness.operations import durable_webhooks
from durable_harness.operations.description import fill_path

OBJECTIVE = ("--objective", "lost <= 0")


def parsed(**given):
    """Return options as a parser leaves them."""
    return Namespace(**{"start_path": "", "start_method": "", "payload": None, "headers": "", **given})


def test_what_is_given_goes_before_what_is_described():
    """Path, method, body and headers of the options replace those of a description; the rest stays."""
    options = StartOptions.read(
        parsed(start_path="/api/x", start_method="put", payload='{"n": "{number}"}', headers="X-Tenant: a")
    )
    service = options.on(durable_webhooks("/api/y"))
    assert (service.start.path, service.start.method) == ("/api/x", "PUT")
    assert (service.start.body, service.start.headers) == ({"n": "{number}"}, {"X-Tenant": "a"})
    assert service.status.headers == {"X-Tenant": "a"}
    assert StartOptions().on(durable_webhooks("/api/y")) == durable_webhooks("/api/y")


@pytest.mark.parametrize(
    ("options", "own", "path"),
    [
        (StartOptions(path="/given", found_path="/found"), "/own", "/given"),
        (StartOptions(found_path="/found"), "/own", "/own"),
        (StartOptions(found_path="/found"), None, "/found"),
        (StartOptions(), None, "/default"),
    ],
)
def test_which_path_counts(options, own, path):
    """The command line goes before the scenario, that before the app's starter."""
    assert options.path_for(own, "/default") == path


@pytest.mark.parametrize(
    ("options", "own_path", "own_method", "method"),
    [
        (StartOptions(method="PATCH", found_path="/found", found_method="PUT"), None, "DELETE", "PATCH"),
        (StartOptions(found_path="/found", found_method="PUT"), None, "DELETE", "DELETE"),
        (StartOptions(found_path="/found", found_method="PUT"), None, None, "PUT"),
        (StartOptions(found_path="/found", found_method="PUT"), "/own", None, "POST"),
        (StartOptions(path="/given", found_path="/found", found_method="PUT"), None, None, "POST"),
    ],
)
def test_which_method_counts(options, own_path, own_method, method):
    """The method of the app's starter goes with its path alone; option and scenario go before it."""
    assert options.method_for(own_path, own_method, "POST") == method


def test_headers_can_be_written_in_each_form(tmp_path, monkeypatch):
    """Lines, JSON and a file mean the same; a value may come from the environment."""
    monkeypatch.setenv("TENANT", "a")
    (tmp_path / "headers.txt").write_text("X-Tenant: env:TENANT\n\nAccept:text/plain\n")
    expected = {"X-Tenant": "a", "Accept": "text/plain"}
    assert read_headers(f"@{tmp_path / 'headers.txt'}") == expected
    assert read_headers("X-Tenant: a\nAccept: text/plain") == expected
    assert read_headers('{"X-Tenant": "a", "Accept": "text/plain"}') == expected


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (read_headers, "secret-without-colon", "a line is not a header"),
        (read_headers, '{"a": 7}', "a value is not text"),
        (read_headers, "A: env:NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE is not set"),
        (read_headers, "@no-such-file", "no-such-file cannot be read"),
        (read_payload, "@no-such-file", "no-such-file cannot be read"),
        (read_payload, "{", "it is not JSON"),
    ],
)
def test_a_bad_value_names_what_is_allowed(read, text, words):
    """The message names the mistake, and never the value of a header."""
    with pytest.raises(argparse.ArgumentTypeError, match=words) as refused:
        read(text)
    assert "secret" not in str(refused.value)


def test_a_path_is_filled_as_part_of_a_url():
    """Values become parts of the path; what has none stays."""
    assert fill_path("/a/{number}/{token}/{x}", {"number": 7, "token": "a b"}) == "/a/7/a%20b/{x}"


@pytest.mark.parametrize("command", [("ab", "--base", "HEAD"), ("capacity", *OBJECTIVE)])
def test_experiments_have_the_options_of_load_runs(command, monkeypatch):
    """Names, defaults and environment twins are those of a load run; `--app-dir` is taken as it was."""
    options = make_parser().parse_args([*command, "--app-dir", "x"])
    assert (options.app, options.poll_interval, options.seed) == ("x", 0.2, 1)
    for option in START:
        monkeypatch.setenv(option.variable, {"--start-method": "PUT", "--payload": "{}"}.get(option.flag, "/p:"))
    monkeypatch.setenv("DURABLE_HARNESS_APP", "y")
    monkeypatch.setenv("DURABLE_HARNESS_POLL_INTERVAL", "0.3")
    options = make_parser().parse_args(list(command))
    assert (options.start_path, options.start_method, options.payload) == ("/p:", "PUT", "{}")
    assert (options.app, options.poll_interval) == ("y", 0.3)


@pytest.mark.parametrize("command", [("ab", "--base", "HEAD"), ("capacity", *OBJECTIVE), ("serve",)])
def test_the_app_s_folder_is_a_plain_argument(command):
    """Every command that takes an app takes its folder without an option."""
    assert str(make_parser().parse_args([command[0], "some/app", *command[1:]]).folder) == "some/app"


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("Approved", ("Approved", None)),
        ('Approved={"by": "a=b"}', ("Approved", {"by": "a=b"})),
        ("Paid=3", ("Paid", 3)),
    ],
)
def test_an_event_is_a_name_with_or_without_data(text, event):
    """What comes after the first equals sign is JSON."""
    assert read_event(text) == event


@pytest.mark.parametrize("text", ["=3", "Approved={", "Approved="])
def test_an_event_that_cannot_be_read(text):
    """A name that is missing, or data that is no JSON, is refused with what an event looks like."""
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=JSON like Approved="):
        read_event(text)
