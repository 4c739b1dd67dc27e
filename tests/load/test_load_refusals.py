"""What a run refuses before any load, each with one clear message and its exit code."""

import socket

import pytest


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--poll-interval", "0", "got '0', expected seconds above 0"),
        ("--poll-strategy", "often", "choose from"),
        ("--operation-duration", "0.7-0.3", "expected the smaller number first"),
        ("--gates", "absent.toml", "there is no such gates file"),
    ],
)
def test_a_bad_value_starts_nothing(locust, stub, option, value, told):
    """A value that an option cannot take ends with 2 and a message that names the option, and nothing is sent."""
    run = locust(option, value)
    assert run.code == 2
    assert option in run.err
    assert told in run.err
    assert not stub.requests


def test_an_environment_variable_is_checked_alike(locust, stub, monkeypatch):
    """Every option has its environment twin, which is checked like the option."""
    monkeypatch.setenv("HARNESS_DRAIN_TIMEOUT", "-1")
    run = locust()
    assert run.code == 2
    assert "--drain-timeout: got '-1', expected seconds, 0 or more" in run.err


def test_a_host_that_does_not_answer_ends_with_four(start_locust):
    """A host where nobody listens is told at once, with the exit code of an unreachable system."""
    with socket.socket() as taken:
        # Bound but not listening: connections are refused, and nobody else gets the port.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        run = start_locust("--headless", "--host", url, "-t", "30s").wait()
    assert run.code == 4
    assert f"{url} does not answer: Connection refused" in run.err
    assert "Traceback" not in run.err


def test_a_host_that_is_no_url_ends_with_two(start_locust):
    """A host without a scheme is a usage error that shows what a host looks like."""
    run = start_locust("--headless", "--host", "localhost:7071", "-t", "30s").wait()
    assert run.code == 2
    assert "got 'localhost:7071', expected a URL like http://localhost:7071" in run.err
