"""Single questions, as the probe and the audit ask them: bounded in time and size, with the trust of the load."""

import contextlib
import time

import pytest
from wire_server import keep_answering, once

from durable_harness.errors import UnreachableError
from durable_harness.host.http.tls import server_context
from durable_harness.load.http import Asker
from durable_harness.load.http import client as client_module
from durable_harness.load.http.connection import HEADERS_TOO_LARGE, MAX_HEADER_BYTES, TOO_LARGE
from durable_harness.load.options.target import probe
from durable_harness.operations import HttpResponse, NoResponse

MOST_BYTES = 100_000
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def stays_silent(peer):
    """Take the request and never answer."""
    peer.request()
    peer.closed_by_client()


def drips(peer):
    """Send a byte now and then, for as long as anybody listens."""
    peer.request()
    peer.send(HEAD + b"Content-Length: 1000000\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            peer.send(b"x")
            time.sleep(0.05)


def never_stops(start, piece):
    """Return a script that sends as fast as it can, for as long as anybody listens."""

    def script(peer):
        peer.request()
        peer.send(start)
        with contextlib.suppress(OSError):
            while True:
                peer.send(piece)

    return script


@pytest.fixture
def asker():
    """Yield what asks, with a small limit."""
    with Asker(verify_tls=True, max_answer_bytes=MOST_BYTES) as made:
        yield made


@pytest.mark.parametrize("script", [stays_silent, drips])
def test_an_answer_that_takes_too_long(asker, serve, script):
    """A server that is silent, or that sends a byte now and then, is left when the time is up."""
    assert asker.get(serve(script).url, {}, 0.3) == NoResponse("no answer in time")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (never_stops(HEAD + b"\r\n", b"x" * 10_000), TOO_LARGE),
        (never_stops(HEAD + CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n"), TOO_LARGE),
        (never_stops(HEAD, b"X-More: y\r\n" * 1000), HEADERS_TOO_LARGE),
        (never_stops(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000), HEADERS_TOO_LARGE),
    ],
)
def test_an_answer_without_end(asker, serve, script, reason):
    """A body, headers or interim answers without end are read up to the limit, which the reason names."""
    assert asker.get(serve(script).url, {}, 30) == NoResponse(reason)


@pytest.mark.parametrize("piece_bytes", [MAX_HEADER_BYTES // 4, 1_000_000])
def test_large_headers_are_refused_however_they_come(asker, serve, piece_bytes):
    """Headers beyond their limit are refused, also where the last piece of them ends the answer."""
    headers = b"".join(b"X-%d: %s\r\n" % (number, b"v" * 60_000) for number in range(5))
    answer = HEAD + headers + b"Content-Length: 2\r\n\r\n{}"

    def script(peer):
        peer.request()
        for start in range(0, len(answer), piece_bytes):
            peer.send(answer[start : start + piece_bytes])

    assert asker.get(serve(script).url, {}, 30) == NoResponse(HEADERS_TOO_LARGE)


def test_a_url_that_cannot_be_asked_for(asker):
    """A URL of another scheme is no answer, with the reason."""
    assert asker.get("file:///etc/passwd", {}, 1) == NoResponse("the URL is not http or https but 'file'")


def test_several_at_once(asker, serve):
    """Greenlets that ask at the same time each get their own answer."""
    server = serve(keep_answering)
    assert [asker.get(server.url, {}, 30).body for _ in range(3)] == [b"ok"] * 3


def test_the_probe_is_content_with_any_answer(serve):
    """An error is an answer, and so is a body that is more than anybody reads."""
    probe(serve(once(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")).url)
    probe(serve(never_stops(HEAD + b"\r\n", b"x" * 10_000)).url)


@pytest.mark.parametrize(
    ("script", "message"), [(stays_silent, "no answer in time"), (once(b"SSH-2.0\r\n"), "the response is not HTTP/1.1")]
)
def test_the_probe_reports_what_is_wrong(serve, script, message):
    """A server that does not answer, or not in HTTP, is unreachable, for the reason that the load would have."""
    with pytest.raises(UnreachableError, match=message):
        probe(serve(script).url, timeout_s=0.3)


@pytest.mark.parametrize(
    ("verify_tls", "is_local", "is_trusted"), [(True, True, True), (True, False, False), (False, False, True)]
)
def test_the_same_certificates_are_trusted(serve, monkeypatch, verify_tls, is_local, is_trusted):
    """The probe, and whatever else asks, trusts as the load does: this machine, and with --insecure anybody."""
    monkeypatch.setattr(client_module, "is_loopback", lambda _origin: is_local)
    url = serve(keep_answering, tls=server_context(None, None)).url
    with Asker(verify_tls=verify_tls, max_answer_bytes=MOST_BYTES) as asker:
        result = asker.get(url, {}, 30)
    assert isinstance(result, HttpResponse) is is_trusted, result
    with contextlib.nullcontext() if is_trusted else pytest.raises(UnreachableError, match="--insecure accepts any"):
        probe(url, verify_tls=verify_tls)
