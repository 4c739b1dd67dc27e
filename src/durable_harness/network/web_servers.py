"""Listening: sockets that are ours alone, and web servers on them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web
from aiohttp.log import server_logger
from aiohttp.web_protocol import RequestHandler

from durable_harness.errors import PortInUseError, UsageError
from durable_harness.logs.own_loggers import own_logger
from durable_harness.own_tasks import HAS_EAGER_TASKS, hide, hide_once_started
from durable_harness.platforms.sockets import have_port_alone, is_port_taken

BACKLOG = 1024
NO_LIMIT = 0

Handler = Callable[[web.BaseRequest], Coroutine[Any, Any, web.StreamResponse]]


def bind(address: str, port: int, option: str = "--port") -> list[socket.socket]:
    """Return listening sockets on a port: of the address, and of ::1 too where that is the loopback's other name."""
    first = bind_one(address, port, option)
    sockets = [first]
    if address in {"127.0.0.1", "localhost"} and socket.has_ipv6:
        with contextlib.suppress(OSError, PortInUseError):
            sockets.append(bind_one("::1", first.getsockname()[1]))
    return sockets


def bind_one(address: str, port: int, option: str = "--port") -> socket.socket:
    """Return a listening socket; `option` is the one by which the user chose the port."""
    try:
        family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError) as error:
        raise UsageError(f"--address {address} cannot be listened on: {error}.") from error
    sock = socket.socket(family, socket.SOCK_STREAM)
    have_port_alone(sock)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        sock.bind(where)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if is_port_taken(error):
            raise PortInUseError(
                f"Port {port} is in use by another process. Choose another with {option}, or 0 for any free one."
            ) from error
        raise UsageError(f"--address {address}: port {port} cannot be listened on: {error.strerror}.") from error
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


async def serve_http(
    sockets: list[socket.socket],
    handler: Handler,
    body_limit_bytes: int = NO_LIMIT,
    tls: ssl.SSLContext | None = None,
) -> web.ServerRunner:
    """Serve HTTP, or HTTPS with `tls`, on bound sockets; `cleanup` of the runner ends it."""
    loop, logger = asyncio.get_running_loop(), own_logger(server_logger.name)
    new_request = functools.partial(web.BaseRequest, loop=loop, client_max_size=body_limit_bytes)
    kind = _HidingServer if HAS_EAGER_TASKS else web.Server
    server = kind(handler, request_factory=new_request, access_log=None, auto_decompress=False, logger=logger)
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    for sock in sockets:
        await web.SockSite(runner, sock, backlog=BACKLOG, ssl_context=tls).start()
    return runner


class _HidingServer(web.Server):
    """A server whose eager tasks are hidden from user code: the loop is not asked for them, and cannot hide them."""

    def __init__(self, handler: Handler, **options: Any) -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            hide_once_started()
            return await handler(request)

        super().__init__(answer, **options)

    def __call__(self) -> RequestHandler:
        return _HiddenConnection(self, loop=self._loop, **self._kwargs)


class _HiddenConnection(RequestHandler):
    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        hide(self._task_handler)
