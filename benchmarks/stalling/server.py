"""A server of the pattern that stands still once, and knows when.

    python benchmarks/stalling/server.py PORT AFTER STALL WORK

POST /operations is answered with 202 and a `Location`. A poll of that is answered with 202, and with 200 once the work
of WORK seconds is done. AFTER seconds after the first start the server answers nothing for STALL seconds. GET /stall
returns when that was, in seconds since the first start.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from typing import Any


class Stall:
    """When the server stands still. The first start begins the count, so a tool may take its time to come up."""

    def __init__(self, after_s: float, length_s: float) -> None:
        self._after_s, self._length_s = after_s, length_s
        self._first_start_s: float | None = None
        self.began_s: float | None = None
        self.ended_s: float | None = None

    def note_start(self) -> None:
        if self._first_start_s is None:
            self._first_start_s = time.monotonic()
            asyncio.get_running_loop().call_later(self._after_s, self._stand_still)

    def _stand_still(self) -> None:
        self.began_s = self._now_s()
        # It holds up the event loop on purpose: connections wait in the kernel, as they do before a process that hangs.
        time.sleep(self._length_s)
        self.ended_s = self._now_s()

    def _now_s(self) -> float:
        assert self._first_start_s is not None
        return time.monotonic() - self._first_start_s


class Operations(asyncio.Protocol):
    """Answers what comes in one piece, as the tools send it. The id of an operation contains when it ends."""

    def __init__(self, stall: Stall, work_s: float) -> None:
        self._stall, self._work_s = stall, work_s
        self._numbers = itertools.count()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1].decode()
        if data.startswith(b"POST"):
            self._transport.write(self._start())
        elif path == "/stall":
            self._transport.write(_answer("200 OK", {"began_s": self._stall.began_s, "ended_s": self._stall.ended_s}))
        elif path.startswith("/operations/"):
            self._transport.write(_status(path.rpartition("/")[2]))
        else:
            self._transport.write(_answer("404 Not Found", {}))

    def _start(self) -> bytes:
        self._stall.note_start()
        name = f"{time.monotonic() + self._work_s:.6f}-{id(self)}-{next(self._numbers)}"
        return _answer("202 Accepted", {"id": name}, f"Location: /operations/{name}\r\n")


def _status(name: str) -> bytes:
    ends_at_s = float(name.partition("-")[0])
    return _answer("200 OK", {}) if time.monotonic() >= ends_at_s else _answer("202 Accepted", {})


def _answer(status: str, body: dict[str, Any], headers: str = "") -> bytes:
    text = json.dumps(body)
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n{headers}\r\n"
    return (head + text).encode()


async def serve(port: int, stall: Stall, work_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Operations(stall, work_s), "127.0.0.1", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    after_s, stall_s, work_s = map(float, sys.argv[2:])
    asyncio.run(serve(int(sys.argv[1]), Stall(after_s, stall_s), work_s))
