"""The load generator's HTTP client with TLS: certificates, large answers, servers that break off."""

import pytest
from http_caller import body_of
from wire_server import OK, keep_answering, once

from durable_harness.host.http.tls import server_context
from durable_harness.load.http import client as client_module
from durable_harness.operations import NoResponse


@pytest.fixture(scope="module")
def certificate():
    """Return the TLS settings of a server with an untrusted certificate for localhost."""
    return server_context(None, None)


@pytest.fixture
def elsewhere(monkeypatch):
    """Make the test's server count as one of another machine."""
    monkeypatch.setattr(client_module, "is_loopback", lambda origin: False)


def test_a_tls_connection_is_used_again(caller, serve, certificate):
    """Requests and answers go encrypted over one connection, without asking for trust on this machine."""
    server = serve(keep_answering, tls=certificate)
    assert [body_of(caller.get(server.url)) for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 1


def test_large_bodies_both_ways(caller, serve, certificate):
    """Bodies of many TLS records are sent and received whole."""
    body = bytes(range(256)) * 10_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    server = serve(lambda peer: peer.answer_all(answer), tls=certificate)
    assert body_of(caller.post(server.url, body)) == body
    assert server.requests[0].endswith(body)


def test_a_body_that_ends_with_the_tls_connection(caller, serve, certificate):
    """The server's closing of TLS ends a body without a length."""
    server = serve(once(b"HTTP/1.1 200 OK\r\n\r\nall of it"), tls=certificate)
    assert body_of(caller.get(server.url)) == b"all of it"


def test_an_untrusted_certificate_is_refused(caller, serve, certificate, elsewhere):
    """Beyond this machine a certificate must be trusted; the reason states how to continue without."""
    reason = caller.get(serve(keep_answering, tls=certificate).url).reason
    assert reason.startswith("the server's certificate is not trusted (self-signed certificate")
    assert "--insecure" in reason


def test_any_certificate_is_accepted_if_verification_is_off(new_caller, serve, certificate, elsewhere):
    """Without verification the connection is made anyway."""
    server = serve(keep_answering, tls=certificate)
    assert body_of(new_caller(verify_tls=False).get(server.url)) == b"ok"


def test_a_server_without_tls(caller, serve):
    """HTTPS with a server that speaks HTTP is reported as a failure of TLS."""
    server = serve(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert caller.get(server.url.replace("http:", "https:")).reason.startswith("TLS failed: ")


def test_a_server_that_closes_in_the_handshake(caller, serve):
    """A connection that is closed before TLS is set up is reported as that."""
    server = serve(lambda peer: peer.sock.recv(10))
    response = caller.get(server.url.replace("http:", "https:"))
    assert response == NoResponse("server closed the connection during the TLS handshake")


def test_a_stale_tls_connection(caller, serve, certificate):
    """A GET that meets a TLS connection which is being closed is sent again."""

    def script(peer):
        peer.request()
        peer.send(OK)
        peer.request()

    server = serve(script, keep_answering, tls=certificate)
    assert [body_of(caller.get(server.url)) for _ in range(2)] == [b"ok", b"ok"]
    assert (server.connections, caller.client.counts.retries) == (2, 1)
