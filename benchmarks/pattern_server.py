"""A small fast server of the pattern for measuring load generators: one process, no state but its counters.

    python benchmarks/pattern_server.py PORT

An instance's id has the time when it ends. GET /counts returns the requests and connections so far.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any

import uvloop

START = "/api/async_http_api"
STATUS = "/runtime/webhooks/durabletask/instances/"
DURATION = re.compile(rb'"duration": ?([0-9.]+)')
PADDING = "x" * 40


class Counts:
    requests = 0
    connections = 0


_numbers = itertools.count()


class Pattern(asyncio.Protocol):
    """Answers what comes in one piece, as the clients that are measured send it."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        Counts.connections += 1

    def data_received(self, data: bytes) -> None:
        Counts.requests += 1
        if data.startswith(b"POST"):
            self._transport.write(self._start(data))
        elif data.startswith(b"GET /runtime"):
            self._transport.write(_status(data[len("GET ") + len(STATUS) : data.index(b"?")].decode()))
        elif data.startswith(b"GET /counts"):
            Counts.requests -= 1
            body = {"requests": Counts.requests, "connections": Counts.connections}
            self._transport.write(_answer("200 OK", json.dumps(body)))
        else:
            self._transport.write(_answer("200 OK", "{}"))

    def _start(self, data: bytes) -> bytes:
        found = DURATION.search(data)
        ends_at = time.time() + (float(found[1]) if found else 0.0)
        instance_id = f"{ends_at:.6f}-{next(_numbers)}"
        host, port = self._transport.get_extra_info("sockname")
        body = {"id": instance_id, "statusQueryGetUri": f"http://{host}:{port}{STATUS}{instance_id}?code=key"}
        return _answer("202 Accepted", json.dumps(body))


def _status(instance_id: str) -> bytes:
    ends_at = float(instance_id.partition("-")[0])
    is_over = time.time() >= ends_at
    ended = datetime.fromtimestamp(ends_at, UTC).isoformat(timespec="microseconds") if is_over else None
    state = "Completed" if is_over else "Running"
    body = (
        f'{{"name":"async_http_api","instanceId":"{instance_id}","runtimeStatus":"{state}",'
        f'"input":"{PADDING}","customStatus":null,"output":null,"createdTime":"2026-01-01T00:00:00Z",'
        f'"lastUpdatedTime":"{ended or "2026-01-01T00:00:00Z"}"}}'
    )
    return _answer("200 OK" if is_over else "202 Accepted", body)


def _answer(status: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Pattern, "127.0.0.1", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
