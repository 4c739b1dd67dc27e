"""The load generator's HTTP client against servers of every kind: correct, closing, slow, cut short, and no servers."""

import socket
import sys
import threading
from time import monotonic

import pytest
from gevent.monkey import get_original
from http_caller import PATIENCE_S, body_of
from wire_server import OK, keep_answering, once

from durable_harness.load.http import connection as connection_module
from durable_harness.load.http import connection_pool
from durable_harness.load.http.connection import CUT_SHORT, NOT_HTTP, TOO_LARGE, UNANSWERED
from durable_harness.load.http.resolver import Address
from durable_harness.operations import NoResponse


def test_a_connection_is_used_again(caller, serve):
    """One connection carries request after request, and each answer is its own."""
    bodies = iter([b"one", b"two", b"three"])

    def script(peer):
        while peer.request():
            body = next(bodies)
            peer.send(b"HTTP/1.1 200 OK\r\nX-Thing: A b \r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server = serve(script)
    answers = [caller.get(server.url) for _ in range(3)]
    assert [answer.body for answer in answers] == [b"one", b"two", b"three"]
    assert answers[0].headers == {"x-thing": "A b", "content-length": answers[0].headers["content-length"]}
    assert server.connections == caller.client.counts.connects == 1


def test_chunked_answers(caller, serve):
    """Chunks are put together, with extensions and trailers, and the connection continues."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n"
    server = serve(lambda peer: peer.answer_all(chunked))
    assert [body_of(caller.get(server.url)) for _ in range(2)] == [b"abcde", b"abcde"]
    assert server.connections == 1


def test_a_body_that_ends_with_the_connection(caller, serve):
    """Without a length the body lasts until the server closes, also in HTTP/1.0."""
    server = serve(once(b"HTTP/1.1 200 OK\r\n\r\nall of it"), once(b"HTTP/1.0 200 OK\r\n\r\nold"))
    assert body_of(caller.get(server.url)) == b"all of it"
    assert body_of(caller.get(server.url)) == b"old"


def test_an_answer_byte_by_byte(caller, serve):
    """It does not matter in how many pieces an answer comes; the answer's moment is that of its last byte."""

    def script(peer):
        peer.request()
        for index in range(len(OK)):
            peer.send(OK[index : index + 1])

    assert body_of(caller.get(serve(script).url)) == b"ok"


HELD_UP_S = 0.1
needs_stamps = pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what a TCP socket receives")


def held_up(caller, serve):
    """Return the exchange of a request whose answer came while the client was busy, and when it was free again."""
    may_answer, has_answered = threading.Event(), threading.Event()

    def script(peer):
        peer.request()
        may_answer.wait()
        peer.send(OK)
        has_answered.set()

    server = serve(script)
    ended = caller.begin(server.url)
    caller.until(lambda _: server.requests)
    may_answer.set()
    # However long the server's thread takes: only then nothing looks at an answer that is there.
    has_answered.wait(PATIENCE_S)
    get_original("time", "sleep")(HELD_UP_S)
    looked_again = monotonic()
    return caller.finish(ended), looked_again


@needs_stamps
def test_an_answer_that_is_read_late_did_not_come_late(caller, serve):
    """The answer's moment is the kernel's: whatever holds up the generator is not the server's time."""
    exchange, looked_again = held_up(caller, serve)
    assert body_of(exchange.result) == b"ok"
    assert exchange.answered < looked_again


def test_without_stamps_an_answer_came_when_it_was_read(caller, serve, monkeypatch):
    """Where the kernel does not report it, the moment is the first at which it is known that the answer is there."""
    monkeypatch.setattr(connection_module, "ask_for_stamps", lambda _socket: False)
    exchange, looked_again = held_up(caller, serve)
    assert body_of(exchange.result) == b"ok"
    assert exchange.answered >= looked_again


@needs_stamps
def test_no_answer_came_before_its_request_was_sent(caller, serve, monkeypatch):
    """A wall clock that was set back meanwhile moves no moment out of the exchange."""
    monkeypatch.setattr(connection_module, "receive_time", lambda _ancillary: 1.0)
    exchange = caller.ask(serve(keep_answering).url)
    assert exchange.answered == exchange.sent


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(caller, serve, status):
    """Statuses that have no body end with their headers, and the connection continues."""
    server = serve(lambda peer: peer.answer_all(b"HTTP/1.1 %d Nothing\r\n\r\n" % status))
    assert [caller.get(server.url).status for _ in range(2)] == [status, status]
    assert server.connections == 1


def test_interim_answers_are_passed_over(caller, serve):
    """100 Continue and 103 Early Hints announce the answer; they are not it."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    answer = caller.get(serve(lambda peer: peer.answer_all(interim + OK)).url)
    assert (answer.status, answer.body, "link" in answer.headers) == (200, b"ok", False)


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"HTT",
    ],
)
def test_half_an_answer_is_none(caller, serve, part):
    """An answer that the server breaks off in the middle is reported as that, wherever it was broken off."""
    assert caller.get(serve(once(part)).url) == NoResponse(CUT_SHORT)


def test_a_reset_does_not_end_a_body(caller, serve):
    """A body that would end with the connection is not whole if the connection breaks."""

    def script(peer):
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\npart")
        begun.wait(PATIENCE_S)
        peer.reset()

    begun = threading.Event()
    ended = caller.begin(serve(script).url)
    caller.client._reactor.call_at(monotonic() + 0.05, lambda *_: begun.set())
    assert caller.finish(ended).result == NoResponse(CUT_SHORT)


@pytest.mark.parametrize(
    "garbage", [b"\x00\x01\x02\x03 nonsense\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"]
)
def test_garbage_is_no_answer(caller, serve, garbage):
    """What is not HTTP is reported as that, and the client continues with a new connection."""
    server = serve(once(garbage), keep_answering)
    assert caller.get(server.url) == NoResponse(NOT_HTTP)
    assert body_of(caller.get(server.url)) == b"ok"


def test_a_switch_of_protocols_is_no_answer(caller, serve):
    """The client asked for no other protocol."""
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"
    assert caller.get(serve(once(switch)).url) == NoResponse(NOT_HTTP)


def test_more_than_was_asked_for_ends_the_connection(caller, serve):
    """Bytes behind an answer are not taken for the next one."""
    server = serve(lambda peer: peer.answer_all(OK + b"HTTP/1.1 500 Stray\r\nContent-Length: 0\r\n\r\n"))
    assert [caller.get(server.url).status for _ in range(2)] == [200, 200]
    assert server.connections == 2


def test_a_first_connection_that_is_closed_is_not_tried_again(caller, serve):
    """A server that closes a new connection without a word has given its answer: none."""
    server = serve(lambda peer: peer.request())
    assert caller.get(server.url) == NoResponse(UNANSWERED)
    assert (server.connections, caller.client.counts.retries) == (1, 0)


def close_on_second(peer):
    """Answer one request; close the connection when the second has come."""
    peer.request()
    peer.send(OK)
    peer.request()


def test_a_get_on_a_stale_connection_is_sent_again(caller, serve):
    """A GET whose used connection is closed before any byte of an answer is sent once more, and that is counted."""
    server = serve(close_on_second, keep_answering)
    assert [caller.get(server.url).status for _ in range(2)] == [200, 200]
    assert (server.connections, caller.client.counts.retries, len(server.requests)) == (2, 1, 3)


def test_a_get_is_sent_again_only_once(caller, serve):
    """If the new connection is closed as well, that is the outcome."""
    server = serve(close_on_second, lambda peer: peer.request())
    assert caller.get(server.url).status == 200
    assert caller.get(server.url) == NoResponse(UNANSWERED)
    assert (server.connections, caller.client.counts.retries) == (2, 1)


def test_a_post_on_a_stale_connection_is_not_sent_again(caller, serve):
    """A POST may have been carried out: it is not repeated."""
    server = serve(close_on_second, keep_answering)
    assert caller.post(server.url).status == 200
    assert caller.post(server.url) == NoResponse(UNANSWERED)
    assert (server.connections, caller.client.counts.retries, len(server.requests)) == (1, 0, 2)


def test_a_connection_that_was_closed_while_idle_is_not_used(caller, serve):
    """What a server closes between two requests costs no request, not even a POST, and is no retry."""
    closed = threading.Event()

    def script(peer):
        peer.request()
        peer.send(OK)
        peer.sock.shutdown(socket.SHUT_RDWR)
        closed.set()

    server = serve(script, keep_answering)
    assert caller.post(server.url).status == 200
    assert closed.wait(PATIENCE_S)
    assert caller.post(server.url).status == 200
    assert (server.connections, caller.client.counts.retries) == (2, 0)


def test_words_on_an_idle_connection_end_it(caller, serve):
    """A server that sends 408 to a silent client does not answer the next request with it."""

    def script(peer):
        peer.request()
        peer.send(OK)
        peer.send(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        peer.closed_by_client()

    server = serve(script, keep_answering)
    assert caller.get(server.url).status == 200
    caller.until(lambda client: client.open_connections == 0)
    assert caller.get(server.url).status == 200
    assert server.connections == 2


@pytest.mark.parametrize(
    "last_words",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=5\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_a_servers_limit_of_keep_alive_is_kept(caller, serve, last_words):
    """A connection that the server will close is not reused: it sent `close`, is HTTP/1.0, or its time is nearly up."""
    server = serve(lambda peer: peer.answer_all(last_words))
    assert [body_of(caller.get(server.url)) for _ in range(2)] == [b"ok", b"ok"]
    assert server.connections == 2


def test_a_generous_keep_alive_is_used(caller, serve):
    """A connection that the server keeps for long is used again."""
    server = serve(lambda peer: peer.answer_all(OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=60\r\n\r\n")))
    assert [body_of(caller.get(server.url)) for _ in range(2)] == [b"ok", b"ok"]
    assert server.connections == 1


def test_an_answer_in_the_midst_of_the_request(caller, serve):
    """A server that refuses a large body before it has read it is heard."""

    def script(peer):
        peer.sock.recv(100)
        peer.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        while peer.sock.recv(65536):
            pass

    assert caller.post(serve(script).url, b"x" * 20_000_000).status == 413


def test_a_large_body_is_sent_whole(caller, serve):
    """A request that does not fit into the socket's buffer goes out piece by piece."""
    body = bytes(range(256)) * 20_000
    server = serve(keep_answering)
    assert caller.post(server.url, body).status == 200
    assert server.requests[0].endswith(b"\r\n\r\n" + body)


def test_an_answers_size_is_bounded(new_caller, serve):
    """An answer beyond the limit ends the exchange instead of filling the memory."""
    caller = new_caller(max_answer_bytes=1_000_000)
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 900_000
    fine = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000
    server = serve(once(endless + b"x" * 2_000_000), once(fine))
    assert caller.get(server.url) == NoResponse(TOO_LARGE)
    assert len(body_of(caller.get(server.url))) == 900_000


def test_a_server_that_does_not_answer_in_time(caller, serve):
    """At its deadline an exchange ends without an answer; its connection is closed, and the next one is fine."""
    silent = threading.Event()

    def script(peer):
        peer.request()
        if peer.closed_by_client():
            silent.set()

    server = serve(script, keep_answering)
    assert caller.get(server.url, limit_s=0.1) == NoResponse("no answer in time")
    assert silent.wait(PATIENCE_S)
    assert body_of(caller.get(server.url)) == b"ok"


def test_no_server_listens(caller):
    """A refused connection is reported in the words of the system; nothing was sent."""
    with socket.socket() as taken:
        # Bound but not listening: connections are refused, and no other process gets the port.
        taken.bind(("127.0.0.1", 0))
        exchange = caller.ask(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert exchange.result == NoResponse("Connection refused")
    assert exchange.sent is None


def test_many_that_are_refused_all_end(new_caller):
    """Requests beyond the limit of connections end too when no server listens."""
    caller = new_caller(connections=3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        ended = [caller.begin(url) for _ in range(20)]
        assert {caller.finish(one).result.reason for one in ended} == {"Connection refused"}


def test_an_unknown_host_name(caller):
    """A host that cannot be resolved is reported as that."""
    assert caller.get("http://no-such-host.invalid/").reason.startswith("the host's name is not known: ")


def test_a_name_is_resolved(caller, serve):
    """A host name leads to its server, by whichever of its addresses answers."""
    server = serve(keep_answering)
    assert body_of(caller.get(f"http://localhost:{server.port}/")) == b"ok"


def test_the_next_address_is_tried(caller, serve, monkeypatch):
    """An address that refuses is passed over for the next one, which comes first from then on."""
    server = serve(lambda peer: peer.answer_all(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
    refusing = socket.socket()
    refusing.bind(("127.0.0.1", 0))
    addresses = [Address(socket.AF_INET, refusing.getsockname()), Address(socket.AF_INET, ("127.0.0.1", server.port))]
    monkeypatch.setattr(connection_pool, "resolve", lambda host, port, resolved: resolved(addresses, ""))
    with refusing:
        results = [caller.get("http://two-addresses.test/") for _ in range(2)]
    assert [body_of(result) for result in results] == [b"ok", b"ok"]
    pool = next(iter(caller.client._pools.values()))
    assert pool._addresses[0].sockaddr == ("127.0.0.1", server.port)


def test_ipv6(caller, serve):
    """An IPv6 address in a URL is connected to, and named in brackets."""
    try:
        server = serve(keep_answering, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address: enable IPv6 to run this test")
    assert body_of(caller.get(server.url)) == b"ok"
    assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


def test_connections_are_bounded_and_the_wait_is_reported(new_caller, serve):
    """With one connection requests go one after the other; the wait is the generator's, not the server's."""
    caller = new_caller(connections=1)
    released = threading.Event()

    def script(peer):
        peer.request()
        released.wait(PATIENCE_S)
        peer.send(OK)
        peer.answer_all()

    server = serve(script)
    first, second = caller.begin(server.url), caller.begin(server.url)
    caller.client._reactor.call_at(monotonic() + 0.3, lambda *_: released.set())
    ended = caller.finish(second)
    assert caller.finish(first).pool_wait_s == 0
    assert server.connections == 1
    assert ended.pool_wait_s >= 0.3
    assert ended.sent - ended.asked >= 0.3


def test_the_wait_for_a_connection_has_an_end(new_caller, serve):
    """A request whose time is up while it waits for a connection is not sent any longer."""
    caller = new_caller(connections=1)
    released = threading.Event()

    def script(peer):
        peer.request()
        released.wait(PATIENCE_S)
        peer.send(OK)
        peer.answer_all()

    server = serve(script)
    first, second = caller.begin(server.url), caller.begin(server.url, limit_s=0.1)
    exchange = caller.finish(second)
    assert (exchange.result, exchange.sent) == (NoResponse("no answer in time"), None)
    released.set()
    assert caller.finish(first).result.status == 200
    assert body_of(caller.get(server.url)) == b"ok"
    assert len(server.requests) == 2


def test_hundreds_at_once(new_caller, serve):
    """Many more requests than connections are all answered, each with its own answer."""
    caller = new_caller(connections=10)

    def script(peer):
        while (request := peer.request()) is not None:
            path = request.split()[1]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    server = serve(script)
    ended = [(f"/{number}", caller.begin(f"{server.url}/{number}")) for number in range(500)]
    assert all(body_of(caller.finish(one).result).decode() == path for path, one in ended)
    assert server.connections <= 10


def redirect(status, location):
    """Return a redirect's bytes."""
    return b"HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location.encode())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_where_asked_for(caller, serve, status):
    """A GET is led on to a relative place on the same connection; without the wish the redirect is the answer."""

    def script(peer):
        while (request := peer.request()) is not None:
            peer.send(OK if request.startswith(b"GET /there?x=1 ") else redirect(status, "../there?x=1"))

    server = serve(script)
    followed = caller.ask(f"{server.url}/a/b", follows_redirects=True)
    assert (body_of(followed.result), followed.redirects, server.connections) == (b"ok", 1, 1)
    assert caller.get(f"{server.url}/a/b").status == status


def test_a_redirect_to_another_origin_gets_no_key(caller, serve):
    """Whatever the user gave stays with the host that it was meant for; a body and its type go along."""
    other = serve(keep_answering)
    server = serve(once(redirect(308, f"{other.url}/moved")))
    headers = {"X-Functions-Key": "secret", "X-Api-Key": "secret too", "Content-Type": "application/json"}
    answer = caller.ask(server.url, "POST", headers, b"{}", follows_redirects=True).result
    assert answer.status == 200
    assert b"X-Functions-Key: secret" in server.requests[0]
    assert other.requests[0].startswith(b"POST /moved ")
    assert b"secret" not in other.requests[0]
    assert other.requests[0].endswith(b"\r\n\r\n{}")
    assert answer.url == f"{other.url}/moved"


def test_a_post_is_never_turned_into_a_get(caller, serve):
    """A redirect that would change the method is the answer."""
    server = serve(lambda peer: peer.answer_all(redirect(303, "/there")))
    assert caller.ask(server.url, "POST", {}, b"{}", follows_redirects=True).result.status == 303


def test_redirects_are_bounded(caller, serve):
    """A server that leads in circles is left after some rounds."""
    server = serve(lambda peer: peer.answer_all(redirect(302, "/round")))
    assert caller.get(server.url, follows_redirects=True) == NoResponse("more than 5 redirects")
    assert len(server.requests) == 6


@pytest.mark.parametrize("place", ["ftp://elsewhere/", "http://[broken/"])
def test_a_redirect_to_nowhere(caller, serve, place):
    """A redirect that cannot be followed ends the exchange, with the reason."""
    server = serve(lambda peer: peer.answer_all(redirect(302, place)))
    assert caller.get(server.url, follows_redirects=True).reason.startswith("redirect that cannot be followed: ")


def test_a_connection_reports_what_it_is_doing(caller, serve):
    """Its text names the server, what it is doing, and how many responses it has had."""
    server = serve(keep_answering)
    caller.get(server.url)
    (pool,) = caller.client._pools.values()
    (connection,) = pool._open
    where = f"127.0.0.1:{server.port}"
    assert repr(connection) == f"<Connection {where} idle, 1 responses>"
    connection.close()
    assert repr(connection) == f"<Connection {where} closed, 1 responses>"
