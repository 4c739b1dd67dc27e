"""The load generator's own HTTP/1.1 client on gevent's loop: callbacks instead of a greenlet for each request.

Client      requests in, answers out; redirects, retries, deadlines
Asker       one request, for a greenlet that waits
Pool        the connections to one origin, and the requests that wait for one
Connection  one socket, and what it is doing; TlsConnection encrypts
Response    one response, collected from the callbacks of its parser (httptools)
Reactor     one greenlet that serves all sockets and timers
Readiness   epoll and a timerfd, or gevent's watchers where these are not
stamps      when bytes reached this machine, as the kernel noted
"""

from durable_harness.load.http.asking import Asker
from durable_harness.load.http.client import Client, ClientCounts
from durable_harness.load.http.exchange import Exchange, HttpRequest
from durable_harness.load.http.reactor import OnCrash, Reactor, log_crash
from durable_harness.network.redirects import BadUrlError

__all__ = [
    "Asker",
    "BadUrlError",
    "Client",
    "ClientCounts",
    "Exchange",
    "HttpRequest",
    "OnCrash",
    "Reactor",
    "log_crash",
]
