"""The pool of connections to one origin: who gets a connection, and what becomes of requests that get none."""

import pytest

from durable_harness.load.http import connection_pool
from durable_harness.load.http.connection_pool import CONNECT_TIMEOUT_S, NEXT_ADDRESS_S, NOT_CONNECTED_IN_TIME, Pool
from durable_harness.load.http.exchange import Exchange, HttpRequest
from durable_harness.operations import HttpResponse

ANSWER = HttpResponse(200, {}, b"")


class FakeConnection:
    """A connection whose events a test makes."""

    def __init__(self, pool, addresses):
        self.pool, self.address = pool, addresses[0]
        self.has_other_address = len(addresses) > 1
        self.is_usable, self.is_closed, self.is_silent, self.takes = True, False, True, True
        self.sent, self.abandoned = [], []
        self.attempt_started = 0.0

    def connect(self):
        self.attempt_started = 100.0

    def send(self, exchange):
        self.sent += [exchange] if self.takes else []
        return self.takes

    def peer_is_silent(self):
        return self.is_silent

    def close(self):
        self.is_closed = True

    def try_next_address(self, reason):
        self.abandoned.append(reason)


class Listener:
    """Makes the connections of a pool, and notes the ends of its exchanges."""

    def __init__(self):
        self.made, self.answered, self.failed, self.retried = [], [], [], []

    def new_connection(self, pool, addresses):
        self.made.append(FakeConnection(pool, addresses))
        return self.made[-1]

    def on_response(self, exchange, answer):
        self.answered.append(exchange)

    def on_failure(self, exchange, reason):
        self.failed.append((exchange, reason))

    def on_retry(self, exchange):
        self.retried.append(exchange)


@pytest.fixture
def listener():
    """Return what a pool reports to."""
    return Listener()


@pytest.fixture
def pool_of(listener, monkeypatch):
    """Return pool_of(limit, host): a pool whose name is resolved by `pool_of.resolved`."""

    def make(limit=2, host="127.0.0.1"):
        monkeypatch.setattr(connection_pool, "resolve", lambda _host, _port, done: make.lookups.append(done))
        return Pool(HttpRequest("GET", f"http://{host}:1/", {}).origin, limit, 1000, listener)

    make.lookups = []
    return make


def exchange_of(method="GET"):
    """Return a request that waits for its answer."""
    return Exchange(HttpRequest(method, "http://127.0.0.1:1/", {}), lambda _: None, 100.0, 200.0, None)


def connected(pool, listener):
    """Submit a request, connect, and return the connection that carries it."""
    pool.submit(exchange_of())
    pool.on_connected(listener.made[-1])
    return listener.made[-1]


def test_an_idle_connection_is_used_again(pool_of, listener):
    """A request that finds a free connection opens no other one."""
    pool = pool_of()
    connection = connected(pool, listener)
    pool.on_response(connection, connection.sent[0], ANSWER)
    pool.submit(second := exchange_of())
    assert connection.sent[1:] == [second]
    assert (len(listener.made), pool.open_count) == (1, 1)


@pytest.mark.parametrize(("method", "is_reused"), [("GET", True), ("POST", False)])
def test_a_start_avoids_a_connection_that_was_closed(pool_of, listener, method, is_reused):
    """Only a GET can be sent again: after unexpected bytes any other request gets a new connection."""
    pool = pool_of()
    connection = connected(pool, listener)
    pool.on_response(connection, connection.sent[0], ANSWER)
    connection.is_silent = False
    pool.submit(exchange_of(method))
    assert (len(listener.made) == 1, connection.is_closed) == (is_reused, not is_reused)


def test_a_request_waits_where_all_connections_are_busy(pool_of, listener):
    """At the limit the next request waits and gets the first connection that is free; its wait is the pool's."""
    pool = pool_of(limit=1)
    connection = connected(pool, listener)
    pool.submit(waiting := exchange_of())
    assert (waiting.is_at_limit, len(listener.made)) == (True, 1)
    pool.on_response(connection, connection.sent[0], ANSWER)
    assert connection.sent[1:] == [waiting]
    assert waiting.pool_wait_s > 0
    assert waiting.connect_s == 0


def test_a_free_connection_that_is_unusable_is_dropped(pool_of, listener):
    """What waits keeps its place and gets a new connection."""
    pool = pool_of(limit=1)
    connection = connected(pool, listener)
    pool.submit(waiting := exchange_of())
    connection.is_usable = False
    pool.on_response(connection, connection.sent[0], ANSWER)
    assert (connection.is_closed, len(listener.made)) == (True, 2)
    pool.on_connected(listener.made[1])
    assert listener.made[1].sent == [waiting]


def test_a_request_with_a_result_is_not_sent(pool_of, listener):
    """Its deadline has passed while it waited: the connection stays free for others."""
    pool = pool_of(limit=1)
    connection = connected(pool, listener)
    pool.submit(late := exchange_of())
    late.result = ANSWER
    pool.on_response(connection, connection.sent[0], ANSWER)
    assert len(connection.sent) == 1


def test_a_stale_get_is_sent_once_more(pool_of, listener):
    """A GET whose connection the server had closed goes to a new one; the second time it fails."""
    pool = pool_of(limit=1)
    connection = connected(pool, listener)
    exchange = connection.sent[0]
    pool.on_failure(connection, exchange, "closed", is_stale=True)
    assert (listener.retried, listener.failed, len(listener.made)) == ([exchange], [], 2)
    pool.on_connected(listener.made[1])
    pool.on_failure(listener.made[1], exchange, "closed", is_stale=True)
    assert listener.failed == [(exchange, "closed")]


def test_a_failed_connection_fails_who_waits_longest(pool_of, listener):
    """One request ends without an answer for each connection that cannot be made."""
    pool = pool_of()
    first, second = exchange_of(), exchange_of()
    pool.submit(first)
    pool.submit(second)
    pool.on_connect_failed(listener.made[0], "refused")
    assert listener.failed == [(first, "refused")]
    assert first.answered is not None


def test_a_failed_connection_without_a_request(pool_of, listener):
    """If the request got its result meanwhile no other fails."""
    pool = pool_of()
    pool.submit(late := exchange_of())
    late.result = ANSWER
    pool.on_connect_failed(listener.made[0], "refused")
    assert listener.failed == []
    assert pool.open_count == 0


def test_a_connection_that_hangs_is_abandoned(pool_of, listener):
    """With another address to try it is given less time than alone."""
    pool = pool_of()
    pool.submit(exchange_of())
    connection = listener.made[0]
    for has_other, limit_s in ((True, NEXT_ADDRESS_S), (False, CONNECT_TIMEOUT_S)):
        connection.has_other_address, connection.abandoned = has_other, []
        pool.check_time(100.0 + limit_s)
        assert connection.abandoned == []
        pool.check_time(100.1 + limit_s)
        assert connection.abandoned == [NOT_CONNECTED_IN_TIME]


def test_a_connection_closed_by_the_server_is_forgotten(pool_of, listener):
    """An idle connection that the server closes makes room, also one that is not idle any longer."""
    pool = pool_of()
    connection = connected(pool, listener)
    pool.on_response(connection, connection.sent[0], ANSWER)
    pool.on_idle_close(connection)
    assert pool.open_count == 0
    pool.on_idle_close(connection)
    pool.submit(exchange_of())
    assert len(listener.made) == 2


def test_a_closed_connection_is_not_kept(pool_of, listener):
    """One that ends with its response makes room for another."""
    pool = pool_of()
    connection = connected(pool, listener)
    connection.is_closed = True
    pool.on_response(connection, connection.sent[0], ANSWER)
    assert pool.open_count == 0
    assert len(listener.answered) == 1


def test_a_name_is_resolved_once_for_all_that_wait(pool_of, listener):
    """Two requests ask once, and each gets a connection; the address that answered comes first the next time."""
    pool = pool_of(host="somewhere.example")
    pool.submit(exchange_of())
    pool.submit(exchange_of())
    assert (len(pool_of.lookups), pool.open_count) == (1, 2)
    pool_of.lookups[0](["first", "second"], "")
    assert len(listener.made) == 2
    listener.made[0].address = "second"
    pool.on_connected(listener.made[0])
    assert pool._addresses == ["second", "first"]


def test_a_name_that_is_unknown_fails_all_that_wait(pool_of, listener):
    """Each ends with the reason, and the next request asks again."""
    pool = pool_of(host="nowhere.example")
    waiting = [exchange_of(), exchange_of()]
    for one in waiting:
        pool.submit(one)
    pool_of.lookups[0]([], "unknown")
    assert listener.failed == [(one, "unknown") for one in waiting]
    pool.submit(exchange_of())
    assert len(pool_of.lookups) == 2


def test_closing_closes_all_connections(pool_of, listener):
    """Busy and idle ones are closed, and none is left to be used."""
    pool = pool_of()
    connection = connected(pool, listener)
    pool.close()
    assert (connection.is_closed, pool.open_count) == (True, 0)
