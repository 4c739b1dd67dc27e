"""The load generator's client, used from a test as if it blocked."""

from time import monotonic

import gevent
from gevent.event import AsyncResult

from durable_harness.load.http import Client, HttpRequest
from durable_harness.operations import HttpResponse

PATIENCE_S = 30.0


class Caller:
    """A client, used one request after the other or several at once."""

    def __init__(self, reactor, **options):
        self.client = Client(reactor, **{"connections": 50, **options})

    def begin(self, url, *request, limit_s=PATIENCE_S, follows_redirects=False):
        """Send a GET, or a request of that method, headers and body; `finish` waits for what comes."""
        ended = AsyncResult()
        method, headers, body = (*request, *("GET", {}, None)[len(request) :])
        wire = HttpRequest(method, url, headers, body)
        self.client.send(wire, ended.set, monotonic() + limit_s, follows_redirects=follows_redirects)
        return ended

    def finish(self, ended):
        exchange = ended.get(timeout=PATIENCE_S)
        if exchange.sent is not None:
            assert exchange.asked <= exchange.sent <= exchange.answered
        return exchange

    def until(self, holds):
        """Run the client until a condition holds for it."""
        give_up_at = monotonic() + PATIENCE_S
        while not holds(self.client):
            assert monotonic() < give_up_at, "it never came to hold"
            gevent.sleep(0.005)

    def ask(self, url, *request, **options):
        """Send a request and return the exchange once it has ended."""
        return self.finish(self.begin(url, *request, **options))

    def post(self, url, body=b"{}"):
        """Return what came of a POST."""
        return self.ask(url, "POST", {}, body).result

    def get(self, url, **options):
        """Return what came of a GET."""
        return self.ask(url, **options).result


def body_of(result):
    """Return the body of an answer; what is none fails the test, with the reason."""
    assert isinstance(result, HttpResponse), result
    return result.body
