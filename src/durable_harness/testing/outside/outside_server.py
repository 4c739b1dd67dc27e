"""The server that stands for all outside services, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from aiohttp import web

from durable_harness.network.web_servers import serve_http
from durable_harness.testing.blocking_calls import in_thread
from durable_harness.testing.fakes import HttpAnswer
from durable_harness.testing.outside.request_rules import HttpCall, encoded

ADDRESS = "127.0.0.1"
ENDING_TIMEOUT_S = 5.0
LARGEST_BODY_BYTES = 256 * 1024 * 1024
Answerer = Callable[[HttpCall], HttpAnswer | None]
"""Called in a thread; None breaks the connection."""


class OutsideServer:
    """Answers HTTP on one port and HTTPS on another. The app's own event loop is never needed for an answer."""

    def __init__(self, answer: Answerer, tls: ssl.SSLContext) -> None:
        self._answer = answer
        self._tls = tls
        self._listening = [socket.create_server((ADDRESS, 0)) for _ in range(2)]
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="durable_http", daemon=True)
        self._thread.start()
        self._started.result()

    @property
    def ports(self) -> list[int]:
        """The port for HTTP and that for HTTPS."""
        return [int(one.getsockname()[1]) for one in self._listening]

    def close(self) -> None:
        """End the server. What the test's functions are asked is given up: their threads are daemons."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(ENDING_TIMEOUT_S)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        plain, encrypted = self._listening
        runners = [
            await serve_http([plain], lambda request: self._handle(request, "http"), LARGEST_BODY_BYTES),
            await serve_http(
                [encrypted], lambda request: self._handle(request, "https"), LARGEST_BODY_BYTES, self._tls
            ),
        ]
        self._started.set_result(None)
        await self._over.wait()
        given_up = asyncio.all_tasks() - {asyncio.current_task()}
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        for runner in runners:
            await _end(runner)

    async def _handle(self, request: web.BaseRequest, scheme: str) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = f"{scheme}://{request.host}{request.path_qs}"
        call = HttpCall(request.method, url, headers, await request.read(), time.time())
        answer = await in_thread(self._answer, call)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()  # the client is gone
        body, sent = encoded(answer)
        return web.Response(status=answer.status, body=body, headers=sent)


async def _end(runner: web.ServerRunner) -> None:
    """Stop a server, with the connections that clients keep: those of TLS would wait for the client's word."""
    server = runner.server
    assert server is not None
    for connection in server.connections:
        if connection.transport is not None:
            connection.transport.abort()
    while server.connections:  # noqa: ASYNC110 - it has no event for their end, which is a turn of the loop away
        await asyncio.sleep(0)
    await runner.cleanup()
