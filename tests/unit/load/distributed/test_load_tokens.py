"""The token of a run: who has one, and what is seen of those that do not."""

import socket
from collections import Counter
from types import SimpleNamespace

import pytest

from durable_harness.errors import PortInUseError, UsageError

TOKEN = "a long enough token"


@pytest.fixture
def joining(import_unpatched):
    """Return the module; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.distributed.joining")


@pytest.fixture
def failed(joining):
    """Return the event of a handshake that failed."""
    return joining.zmq.Event.HANDSHAKE_FAILED_AUTH


def options(*, token="", worker=False, master=False, processes=None):
    """Return Locust's options as far as they are about joining."""
    return SimpleNamespace(run_token=token, worker=worker, master=master, processes=processes)


def test_a_given_token_is_taken(joining):
    """A master takes the token of its options, and makes none."""
    mine = joining.Joining()
    mine.read(options(token=TOKEN, master=True))
    assert (mine.token, mine.is_made_here, mine.forks_workers) == (TOKEN, False, False)


@pytest.mark.parametrize("given", [{"master": True}, {"processes": 2}])
def test_a_master_makes_its_token_once(joining, given):
    """Without one in the options a random token is made, and stays when the options are read again."""
    mine, other = joining.Joining(), joining.Joining()
    for one in (mine, other):
        one.read(options(**given))
    token = mine.token
    mine.read(options(token=TOKEN, **given))
    assert (mine.token, mine.is_made_here) == (token, True)
    assert len(token) == 64
    assert token != other.token
    assert mine.forks_workers is ("processes" in given)


def test_a_worker_without_a_token_is_refused(joining):
    """It could never join: the message names the variable."""
    with pytest.raises(UsageError, match=f"set {joining.TOKEN_VARIABLE} to what its master printed"):
        joining.Joining().read(options(worker=True))


def test_a_locust_alone_has_no_token(joining):
    """No other process takes part in its run."""
    mine = joining.Joining()
    mine.read(options())
    assert (mine.token, mine.is_made_here) == ("", False)


def test_a_short_token_is_refused(joining):
    """A token that can be guessed admits others; an empty one stands for none."""
    with pytest.raises(joining.argparse.ArgumentTypeError, match="got 3 characters, expected at least 16"):
        joining.run_token("abc")
    assert (joining.run_token(TOKEN), joining.run_token("")) == (TOKEN, "")


def test_strangers_are_counted_by_their_address(joining, failed, monkeypatch, caplog):
    """A failed handshake counts for the connection that is closed next; each address is logged once."""
    events, found = joining.zmq.Event, Counter()
    monkeypatch.setattr(joining, "_address", lambda descriptor: f"10.0.0.{descriptor}")
    strangers = joining._Strangers(found)
    for descriptor in (7, 7, 8):
        strangers.note(events.ACCEPTED, descriptor)
        strangers.note(failed, 0)
        strangers.note(events.DISCONNECTED, descriptor)
    strangers.note(events.ACCEPTED, 9)
    strangers.note(events.DISCONNECTED, 9)
    strangers.note(events.LISTENING, 9)
    assert found == {"10.0.0.7": 2, "10.0.0.8": 1}
    assert len(caplog.records) == 2


def test_strangers_are_described_with_what_is_known(joining):
    """The note has the number and the known addresses; without a stranger there is no note."""
    mine = joining.Joining()
    assert mine.describe_strangers() == []
    mine.strangers.update({joining.UNKNOWN_ADDRESS: 1})
    assert mine.describe_strangers()[0].startswith(
        "processes that tried to join without the token of the run (1 times)"
    )
    mine.strangers.update({"10.0.0.8": 2})
    assert "tried to join from 10.0.0.8 without the token of the run (3 times)" in mine.describe_strangers()[0]


def test_the_address_of_a_connection(joining):
    """A peer has its address; a descriptor that is closed, or not connected, has none, and stays as it is."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert joining._address(client.fileno()) == "127.0.0.1"
        assert joining._address(server.fileno()) == joining.UNKNOWN_ADDRESS
        assert client.fileno() >= 0
    closed = socket.socket()
    descriptor = closed.fileno()
    closed.close()
    assert joining._address(descriptor) == joining.UNKNOWN_ADDRESS


def test_a_lost_connection_is_timed_from_its_loss(joining, monkeypatch):
    """A loss that is reported twice began with the first report, and a new connection ends it."""
    now = [100.0]
    monkeypatch.setattr(joining, "monotonic", lambda: now[0])
    mine = joining.Joining()
    assert not mine.is_lost_for(0.0)
    mine.note_connection(is_there=False)
    now[0] += 3.0
    mine.note_connection(is_there=False)
    assert (mine.is_lost_for(3.0), mine.is_lost_for(3.1)) == (True, False)
    mine.note_connection(is_there=True)
    assert not mine.is_lost_for(0.0)


class EndedError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def refusal(joining, monkeypatch):
    """Return refusal(forks_workers): what watches a worker's connection; the end of its process is an EndedError."""

    def end(code):
        raise EndedError(code)

    monkeypatch.setattr(joining, "os", SimpleNamespace(_exit=end))

    def make(*, forks_workers=False):
        mine = joining.Joining()
        mine.forks_workers = forks_workers
        return joining._Refusal(mine)

    return make


@pytest.mark.parametrize(
    ("forks_workers", "code", "words"),
    [
        (True, PortInUseError.exit_code, "the master of another run"),
        (False, UsageError.exit_code, "its token is another one"),
    ],
)
def test_a_worker_that_is_refused_thrice_ends(joining, refusal, failed, capsys, forks_workers, code, words):  # noqa: PLR0913, PLR0917
    """One refusal may be a master that ends; the third one ends the worker with the reason."""
    watch = refusal(forks_workers=forks_workers)
    for _ in range(joining.FAILURES_TO_END - 1):
        watch.note(failed, 0)
        watch.note(joining.zmq.Event.DISCONNECTED, 0)
    with pytest.raises(EndedError) as ended:
        watch.note(failed, 0)
    assert ended.value.args == (code,)
    assert words in capsys.readouterr().err


def test_a_worker_that_had_joined_is_not_ended(joining, refusal, failed):
    """Its run has begun: the loss of the connection decides."""
    watch = refusal()
    watch.note(joining.zmq.Event.HANDSHAKE_SUCCEEDED, 0)
    for _ in range(joining.FAILURES_TO_END + 1):
        watch.note(failed, 0)
    watch.note(joining.zmq.Event.DISCONNECTED, 0)
    assert watch._joining.is_lost_for(0.0)


@pytest.mark.parametrize("socket_of", ["server", "client"])
def test_a_socket_in_clear_is_refused(joining, socket_of):
    """A version of Locust that makes its sockets in another way must not speak in clear."""

    def runner(mechanism):
        rpc = SimpleNamespace(socket=SimpleNamespace(mechanism=mechanism))
        return SimpleNamespace(**{"server": None, socket_of: rpc})

    with pytest.raises(UsageError, match="cannot be secured"):
        joining.check_secure(runner(joining.zmq.NULL))
    joining.check_secure(runner(joining.zmq.CURVE))
