"""The limit of a request: it ends a connection, and errors say what happened."""

import io
import socket
import urllib.error

import pytest

from durable_harness.network import bounded_http
from durable_harness.network.bounded_http import Limit, failure_words, read_bounded


def run_limited(block):
    """Run a block with a limit that it may end itself, and that never ends by time."""
    with Limit(60.0) as limit:
        block(limit)


def test_a_block_that_ends_in_time_stays_as_it_is():
    """Its own error is passed on, and what is left of the time is above zero."""
    left = []

    def block(limit):
        left.append(limit.left_s)
        raise KeyError("own")

    with pytest.raises(KeyError):
        run_limited(block)
    assert 0 < left[0] <= 60.0


def test_a_limit_ends_its_connection():
    """When the time is up the connection is shut down, and its error becomes that of the limit."""
    one, other = socket.socketpair()

    def block(limit):
        limit.watch(one)
        limit._end()
        raise ConnectionResetError("shut down")

    with one, other:
        with pytest.raises(TimeoutError, match="no whole answer in 60 s"):
            run_limited(block)
        assert other.recv(1) == b""


def test_a_connection_made_too_late_is_ended_at_once():
    """One that is made after the time is up is shut down when it is made, and may be closed already."""
    one, other = socket.socketpair()

    def block(limit):
        limit._end()
        limit.watch(one)
        assert other.recv(1) == b""
        one.close()
        limit.watch(one)

    with other, pytest.raises(TimeoutError):
        run_limited(block)


def test_the_error_of_other_code_is_not_replaced():
    """A bug in the block is not a timeout, though the time is up."""

    def block(limit):
        limit._end()
        raise KeyError("own")

    with pytest.raises(KeyError):
        run_limited(block)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError("timed out"), TimeoutError),
        (urllib.error.URLError(TimeoutError("timed out")), TimeoutError),
        (TimeoutError(110, "Connection timed out"), TimeoutError),
        (ConnectionRefusedError(111, "Connection refused"), ConnectionRefusedError),
    ],
)
def test_a_timeout_of_a_socket_is_the_limits(error, expected):
    """The socket's timeout was made from the limit; the system's own has a number, and its own words."""
    with pytest.raises(expected) as ended, Limit(60.0):
        raise error
    is_limits = getattr(error, "errno", None) is None
    assert ("no whole answer" in str(ended.value)) is is_limits


def test_a_body_has_a_limit(monkeypatch):
    """A body up to the limit is returned whole; a larger one is an error with the number."""
    monkeypatch.setattr(bounded_http, "MOST_BYTES", 100_000)
    assert len(read_bounded(io.BytesIO(bytes(100_000)))) == 100_000
    with pytest.raises(OSError, match="larger than 100,000 bytes"):
        read_bounded(io.BytesIO(bytes(100_001)))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (urllib.error.URLError("unknown url type"), "unknown url type"),
        (ValueError("odd"), "odd"),
        (EOFError(), "EOFError"),
    ],
)
def test_a_failure_has_the_words_of_the_system(error, words):
    """Python's names of errors are shown only where nothing else is known."""
    assert failure_words(error) == words


def test_without_a_limit_a_connection_has_its_own_timeout():
    """A request outside of any block is not watched."""
    one, other = socket.socketpair()
    with one, other:
        bounded_http._watch(one)
        assert bounded_http._left_s(5.0) == 5.0
        with Limit(60.0) as limit:
            bounded_http._watch(one)
            assert limit._socket is one
            assert 5.0 < bounded_http._left_s(5.0) <= 60.0
