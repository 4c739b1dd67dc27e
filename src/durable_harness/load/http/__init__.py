"""The load generator's own HTTP/1.1 client on gevent's loop: callbacks instead of a greenlet for each request.

Client      requests in, answers out; redirects, retries, deadlines
Asker       one request, for a greenlet that waits
Pool        the connections to one origin, and who waits for one
Connection  one socket and the parser of its answers (httptools); TlsConnection encrypts
Reactor     one greenlet that serves all sockets and timers
Readiness   epoll and a timerfd, or gevent's watchers where these are not
stamps      when bytes came to this machine, told by the kernel
"""

from durable_harness.load.http.asking import Asker
from durable_harness.load.http.client import Client, ClientCounts
from durable_harness.load.http.exchange import Exchange, Request
from durable_harness.load.http.reactor import OnCrash, Reactor, log_crash
from durable_harness.redirects import BadUrlError

__all__ = ["Asker", "BadUrlError", "Client", "ClientCounts", "Exchange", "OnCrash", "Reactor", "Request", "log_crash"]
