"""A service that does not answer: why, in the words of the system."""

import http.client
import socket
import ssl
import threading
import urllib.error
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from durable_harness.cli import main
from durable_harness.errors import UsageError
from durable_harness.network.bounded_http import failure_words
from durable_harness.network.free_ports import free_port
from durable_harness.testing.requesting import HttpClient


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (urllib.error.URLError(socket.gaierror(-2, "Name or service not known")), "Name or service not known"),
        (urllib.error.URLError("unknown url type: gopher"), "unknown url type: gopher"),
        (urllib.error.URLError(ssl.SSLError(1, "certificate verify failed")), "certificate verify failed"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (TimeoutError("no whole answer in 30 s"), "no whole answer in 30 s"),
        (http.client.RemoteDisconnected("Remote end closed connection"), "Remote end closed connection"),
        (http.client.BadStatusLine("xyz"), "xyz"),
        (ConnectionAbortedError(), "ConnectionAbortedError"),
    ],
)
def test_a_failure_has_no_names_of_python(error, words):
    """What the system says is enough; only an error without any words is named."""
    assert failure_words(error) == words


def test_why_reports_that_nothing_listens(capsys):
    """The exit code is 4, and the reason has neither URLError nor an errno in it."""
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["why", "some-instance", "--host", url]) == 4
    assert f"error: {url} does not answer: Connection refused\n" in capsys.readouterr().err


def test_the_client_of_tests_reports_the_same():
    """Its answer is the reason alone."""
    assert HttpClient(f"http://127.0.0.1:{free_port()}").request("GET", "/").reason == "Connection refused"


def test_the_client_of_tests_encodes_letters_beyond_ascii():
    """A route and a query with any letters are asked for as a browser would, not refused by the HTTP library."""
    asked = []

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        answer = HttpClient(f"http://127.0.0.1:{server.server_port}").request("GET", "/api/ünï/start?name=é ü")
    assert (answer.status, asked) == (204, ["/api/%C3%BCn%C3%AF/start?name=%C3%A9%20%C3%BC"])


@pytest.mark.parametrize("payload", [{1, 2}, {"a": object()}, {("a", 1): 2}])
def test_a_payload_that_is_no_json_is_named(payload):
    """What cannot be sent as JSON is an error that names it, before anything is sent."""
    with pytest.raises(UsageError, match=r"the payload .* cannot be sent: ") as caught:
        HttpClient("http://localhost:1", "", 1.0).request("POST", "/api/start", payload)
    assert repr(payload) in str(caught.value)
