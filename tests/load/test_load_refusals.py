"""What a run refuses before any load, each with one clear message and its exit code."""

import socket

import pytest

pytestmark = pytest.mark.thorough


def test_an_environment_variable_is_checked_alike(locust, stub, monkeypatch):
    """A value that an option cannot take ends with 2 and names the option, and nothing is sent."""
    monkeypatch.setenv("DURABLE_HARNESS_DRAIN_TIMEOUT", "-1")
    run = locust()
    assert run.code == 2
    assert "--drain-timeout: got '-1', expected seconds, 0 or more" in run.err
    assert not stub.requests


def test_a_host_that_does_not_answer_ends_with_four(start_locust):
    """A host where nobody listens is told at once, with the exit code of an unreachable system."""
    with socket.socket() as taken:
        # Bound but not listening: connections are refused, and nobody else gets the port.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        run = start_locust("--headless", "--host", url, "-t", "30s", "Quick").wait()
    assert run.code == 4
    assert f"{url} does not answer: Connection refused" in run.err
    assert "Traceback" not in run.err


def test_a_host_that_is_no_url_ends_with_two(start_locust):
    """A host without a scheme is a usage error that shows what a host looks like."""
    run = start_locust("--headless", "--host", "localhost:7071", "-t", "30s", "Quick").wait()
    assert run.code == 2
    assert "got 'localhost:7071', expected a URL like http://localhost:7071" in run.err
