"""A gRPC server on the public API of grpc. It costs several times what `fast` does, and needs nothing private."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
import grpc.aio

from durable_harness.logs.own_loggers import own_logger
from durable_harness.rpc.calls import NO_SUCH_METHOD, Method, Methods, Options, RpcCall, describe, sendable_details

logger = own_logger("durable_harness.scheduler")


class PlainRpcServer:
    """Serves methods, as `fast.RpcServer` does."""

    def __init__(self, methods: Methods, options: Options = ()) -> None:
        self._server = grpc.aio.server(options=list(options), maximum_concurrent_rpcs=None)
        self._finder = _Finder(methods)
        self._server.add_generic_rpc_handlers((self._finder,))
        self._starting: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    def start(self, address: str) -> int:
        """Listen on `host:port` and return the port. Raises RuntimeError if it is taken."""
        try:
            port = int(self._server.add_insecure_port(address))
        except RuntimeError as error:
            self._ending = asyncio.ensure_future(self._server.stop(None))
            raise RuntimeError(f"Nothing can listen on {address}.") from error
        self._starting = asyncio.ensure_future(self._server.start())
        return port

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, let the running ones end for `grace_s`, then cancel them."""
        if self._starting is not None:
            await self._starting
        await self._server.stop(grace_s)
        await self._finder.cancel_running()  # grpc only asks handlers to end, and does not wait until they have


class _Finder(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
    """Finds the handler of a method. On the wire one answer is a stream of one message, so all are streams here."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods
        self._running: set[asyncio.Task[None]] = set()

    async def cancel_running(self) -> None:
        """Cancel what still runs and was not asked to end yet, and return once it all has ended."""
        running = list(self._running)
        for task in running:
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method = self._methods.get(handler_call_details.method, Method(_refuse))

        async def serve(request: bytes, context: grpc.aio.ServicerContext) -> None:
            running = asyncio.ensure_future(_serve(method, _PlainCall(handler_call_details, request, context)))
            self._running.add(running)
            running.add_done_callback(self._running.discard)
            await running

        return grpc.unary_stream_rpc_method_handler(serve)


class _PlainCall:
    """A call. What ends it is sent when its handler returns."""

    def __init__(self, details: grpc.HandlerCallDetails, body: bytes, context: grpc.aio.ServicerContext) -> None:
        self.method: str = details.method
        self.metadata: Sequence[tuple[str, str | bytes]] = tuple(details.invocation_metadata)
        self.body = body
        self._context = context
        self._ending: tuple[bytes | None, grpc.StatusCode, str] = (None, grpc.StatusCode.CANCELLED, "")

    def finish(
        self, message: bytes | None = None, code: grpc.StatusCode = grpc.StatusCode.OK, details: str = ""
    ) -> None:
        self._ending = (message, code, sendable_details(details))

    async def send(self, message: bytes) -> None:
        await self._context.write(message)

    async def end(self) -> None:
        """Send what `finish` was given."""
        message, code, details = self._ending
        if message is not None:
            await self._context.write(message)
        self._context.set_code(code)
        self._context.set_details(details)


async def _serve(method: Method, call: _PlainCall) -> None:
    try:
        await method.handler(call)
    except Exception as error:
        logger.exception("%s failed", call.method)
        call.finish(code=grpc.StatusCode.INTERNAL, details=describe(error))
    await call.end()


async def _refuse(call: RpcCall) -> None:
    call.finish(code=grpc.StatusCode.UNIMPLEMENTED, details=NO_SUCH_METHOD)
