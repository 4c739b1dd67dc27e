"""Which gRPC server the scheduler stands on: the fast one if the installed grpc still works as it expects.

The fast server uses a private module of grpc, whose names and behaviour may change with any release. So before its
first use it must answer a call of each kind on this machine's loopback. If it does not, the plain server is used.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from concurrent.futures import Future

import grpc

from durable_harness.logs.own_loggers import own_logger
from durable_harness.rpc.calls import LastingRpcCall, Method, Methods, Options, RpcCall, Server
from durable_harness.rpc.plain import PlainRpcServer

logger = own_logger("durable_harness.scheduler")

PLAIN_VARIABLE = "DURABLE_HARNESS_PLAIN_GRPC"
"""Set to anything, the plain server is used in any case."""
CHECK_LIMIT_S = 10.0
"""Longer than a check lasts on a busy machine; a server that answers nothing must not hang the start."""
CALL_LIMIT_S = 4.0
SENT = b"is this still grpc?"


def new_server(methods: Methods, options: Options = ()) -> Server:
    """Return a server that is not started yet. Must be called on the event loop that the handlers run on."""
    if os.environ.get(PLAIN_VARIABLE) or not is_fast_usable():
        return PlainRpcServer(methods, options)
    from durable_harness.rpc.fast import RpcServer  # noqa: PLC0415 - its import may fail

    return RpcServer(methods, options)


@functools.cache
def is_fast_usable() -> bool:
    """Return whether the fast server works with the installed grpc; log why not. Checked once per process."""
    try:
        begin_check().result(CHECK_LIMIT_S)
    except Exception as error:  # noqa: BLE001 - a private module may fail in any way
        logger.warning(
            "grpc %s does not work as the scheduler's fast server expects (%s: %s). A slower one is used.",
            grpc.__version__,
            type(error).__name__,
            error,
        )
        return False
    return True


@functools.cache
def begin_check() -> Future[None]:
    """Begin to check the fast server, and return what becomes of it. A start does it while it imports the SDK."""
    outcome: Future[None] = Future()
    # A thread that nothing waits for: a server that does not work may not stop either.
    threading.Thread(target=_run_check, args=(outcome,), name="scheduler-grpc-check", daemon=True).start()
    return outcome


def _run_check(outcome: Future[None]) -> None:
    try:
        outcome.set_result(asyncio.run(_check()))
    except Exception as error:  # noqa: BLE001 - handed to the thread that waits
        outcome.set_exception(error)


async def _check() -> None:
    """Raise if a call of one answer, a stream or a refusal does not arrive as it was sent."""
    from durable_harness.rpc.fast import RpcServer  # noqa: PLC0415 - its import may fail

    server = RpcServer(
        {"/check/One": Method(_echo), "/check/Many": Method(_echo_twice, is_lasting=True)}, [("grpc.so_reuseport", 0)]
    )
    port = server.start("127.0.0.1:0")
    try:
        one, many = await asyncio.to_thread(_call, port)
    finally:
        # With no time at all gRPC's client now and then prints that its calls were cancelled.
        await server.stop(grace_s=CALL_LIMIT_S)
    if (one, many) != (b"value" + SENT, [SENT, SENT]):
        raise RuntimeError(f"a call was answered with {one!r} and {many!r}")


def _call(port: int) -> tuple[bytes, list[bytes]]:
    """Make both calls, by the client that needs no event loop."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        one = channel.unary_unary("/check/One")(SENT, metadata=(("name", "value"),), timeout=CALL_LIMIT_S)
        return one, list(channel.unary_stream("/check/Many")(SENT, timeout=CALL_LIMIT_S))


async def _echo(call: RpcCall) -> None:
    call.finish(str(dict(call.metadata)["name"]).encode() + call.body)


async def _echo_twice(call: LastingRpcCall) -> None:
    for _ in range(2):
        await call.send(call.body)
    call.finish()
