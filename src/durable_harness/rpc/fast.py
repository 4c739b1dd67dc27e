"""A gRPC server for one event loop, on the completion queue that the servers of the grpc package stand on themselves.

For every call `grpc.aio` runs two tasks and wakes the event loop four times, which costs several times what the
scheduler does for it. Here a thread waits for what gRPC reports. What concerns the loop it hands over and then pauses
while the loop takes up all that gRPC reports by then: one waking serves many calls, and the two seldom contend for the
interpreter. Handlers run on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence

import grpc
from grpc._cython import cygrpc

from durable_harness.logs.own_loggers import own_logger
from durable_harness.rpc.calls import (
    NO_SUCH_METHOD,
    Handler,
    Method,
    Methods,
    Options,
    RpcCall,
    describe,
    sendable_details,
)

logger = own_logger("durable_harness.scheduler")

OUTBOX_MESSAGES = 100
EVENTS_PER_WAKING = 1000
NO_FLAGS = 0
OPERATION_COMPLETE = cygrpc.CompletionType.operation_complete


class RpcServer:
    """Serves methods. Must be made, started and stopped on one event loop."""

    def __init__(self, methods: Methods, options: Options = ()) -> None:
        self._methods = {name.encode(): method for name, method in methods.items()}
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(options, False)  # noqa: FBT003 - its parameters have no names
        self._server.register_completion_queue(self._queue)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name="scheduler-grpc", daemon=True)
        # Not the end of the thread: to wait for that takes a thread which Python waits for at its end, so that a server
        # which never stops would keep the process.
        self._ended = asyncio.Event()
        self._calls: set[FastCall] = set()
        self._posted: deque[Callable[[], None]] = deque()
        self._handed_back = threading.Lock()
        self._handed_back.acquire()
        self._lock = threading.Lock()
        self._is_stopping = self._has_stopped = False

    def start(self, address: str) -> int:
        """Listen on `host:port` and return the port. Raises RuntimeError if it is taken."""
        port = int(self._server.add_http2_port(address.encode()))
        if port == 0:
            raise RuntimeError(f"Nothing can listen on {address}.")
        self._server.start()
        self._expect_call()
        self._thread.start()
        return port

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, let those under way end for `grace_s`, then cancel them."""
        with self._lock:
            self._is_stopping = True
            self._server.shutdown(self._queue, self._on_stopped)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._ended.wait()
        if not self._ended.is_set():
            self._server.cancel_all_calls()
            for call in list(self._calls):
                call.cancel()
            await self._ended.wait()
        self._server.destroy()

    def _take_over(self) -> None:
        """Run what was posted, handle what gRPC reports by now, then make the thread wait for more."""
        try:
            self._run_posted()
            for _ in range(EVENTS_PER_WAKING):
                event = self._queue.poll(0)
                if event.completion_type != OPERATION_COMPLETE:
                    break
                self._take_up(event)
                self._run_posted()
        finally:
            self._handed_back.release()

    def _run_posted(self) -> None:
        while self._posted:
            self._posted.popleft()()

    # -- in the thread, or on the loop while the thread pauses --------------------------------------------------------

    def _serve(self) -> None:
        try:
            self._follow_the_queue()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nothing waits
                self._loop.call_soon_threadsafe(self._ended.set)

    def _follow_the_queue(self) -> None:
        while self._calls or not self._has_stopped:
            event = self._queue.poll()
            self._take_up(event)
            event = None  # or the call it belongs to would stay until the next event
            if self._posted:
                self._loop.call_soon_threadsafe(self._take_over)
                self._handed_back.acquire()

    def _take_up(self, event: cygrpc.BaseEvent) -> None:
        try:
            event.tag(event)
        except Exception:
            logger.exception("What gRPC reported could not be handled.")

    def _expect_call(self) -> None:
        with self._lock:
            if not self._is_stopping:
                self._server.request_call(self._queue, self._queue, self._on_call)

    def _on_call(self, event: cygrpc.RequestCallEvent) -> None:
        if event.success:
            self._expect_call()
            method = self._methods.get(event.call_details.method, Method(_refuse))
            kind = LastingCall if method.is_lasting else FastCall
            call = kind(self, event, method.handler)
            self._calls.add(call)
            call.receive()

    def _on_stopped(self, _event: cygrpc.ServerShutdownEvent) -> None:
        self._has_stopped = True

    def forget(self, call: FastCall) -> None:
        self._calls.remove(call)

    def post(self, callback: Callable[[], None]) -> None:
        """FastCall back on the event loop."""
        self._posted.append(callback)


class FastCall:
    """A call that is answered soon: its method, metadata, the bytes of its request, and `finish` for its one answer.

    Whether its client still waits is not asked; one that may last is a `LastingCall`.
    """

    def __init__(self, server: RpcServer, event: cygrpc.RequestCallEvent, handler: Handler) -> None:
        self.method = event.call_details.method.decode(errors="replace")
        self.metadata: Sequence[tuple[str, str | bytes]] = event.invocation_metadata
        self.body = b""
        self._server, self._call, self._handler = server, event.call, handler
        self._task: asyncio.Task[None] | None = None
        self._is_finished = False

    def finish(
        self, message: bytes | None = None, code: grpc.StatusCode = grpc.StatusCode.OK, details: str = ""
    ) -> None:
        """End the call with a status, after a last message if there is one."""
        self._is_finished = True
        messages = [] if message is None else [cygrpc.SendMessageOperation(message, NO_FLAGS)]
        status = cygrpc.SendStatusFromServerOperation(None, code.value[0], sendable_details(details), NO_FLAGS)
        self._send_last([*messages, status])

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _send_last(self, operations: list[cygrpc.Operation]) -> None:
        watch = cygrpc.ReceiveCloseOnServerOperation(NO_FLAGS)
        initial = cygrpc.SendInitialMetadataOperation(None, NO_FLAGS)
        self._call.start_server_batch([watch, initial, *operations], self._on_end)

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._handler(self)  # type: ignore[arg-type]  # only the handlers of lasting methods send
        except Exception as error:
            logger.exception("%s failed", self.method)
            self.finish(code=grpc.StatusCode.INTERNAL, details=describe(error))
        finally:
            self._task = None
            if not self._is_finished:
                self.finish(code=grpc.StatusCode.CANCELLED)

    # -- from the server, as gRPC reports ------------------------------------------------------------------------------

    def receive(self) -> None:
        self._call.start_server_batch([cygrpc.ReceiveMessageOperation(NO_FLAGS)], self._on_request)

    def _on_request(self, event: cygrpc.BatchOperationEvent) -> None:
        body = event.batch_operations[0].message()
        if body is None:
            self.finish(code=grpc.StatusCode.INVALID_ARGUMENT, details="The call has no request.")
        else:
            self.body = body
            self._server.post(self._begin)

    def _on_end(self, _event: cygrpc.BatchOperationEvent) -> None:
        self._server.forget(self)


class LastingCall(FastCall):
    """A call that may last: it may be answered with many messages, and is cancelled when its client gives up."""

    def __init__(self, server: RpcServer, event: cygrpc.RequestCallEvent, handler: Handler) -> None:
        super().__init__(server, event, handler)
        self._lock = threading.Lock()
        self._outbox: deque[list[cygrpc.Operation]] = deque()
        self._room: asyncio.Future[None] | None = None
        self._has_begun = self._is_sending = self._has_ended = False

    async def send(self, message: bytes) -> None:
        """Send a message. Returns at once unless very many wait to be sent."""
        self._transmit([cygrpc.SendMessageOperation(message, NO_FLAGS)])
        with self._lock:
            is_full = len(self._outbox) >= OUTBOX_MESSAGES
            self._room = asyncio.get_running_loop().create_future() if is_full else None
        if self._room is not None:
            await self._room

    def _send_last(self, operations: list[cygrpc.Operation]) -> None:
        self._transmit(operations)

    def _transmit(self, operations: list[cygrpc.Operation]) -> None:
        """Send now, or when what is on its way has been taken: gRPC takes one message of a call at a time."""
        if not self._has_begun:
            self._has_begun = True
            operations.insert(0, cygrpc.SendInitialMetadataOperation(None, NO_FLAGS))
        with self._lock:
            if self._has_ended:
                return
            self._outbox.append(operations)
            if not self._is_sending:
                self._send_next()

    def _send_next(self) -> None:
        self._is_sending = True
        self._call.start_server_batch(self._outbox.popleft(), self._on_sent)

    def _resume(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    # -- from the server, as gRPC reports ------------------------------------------------------------------------------

    def receive(self) -> None:
        self._call.start_server_batch([cygrpc.ReceiveCloseOnServerOperation(NO_FLAGS)], self._on_end)
        super().receive()

    def _on_sent(self, _event: cygrpc.BatchOperationEvent) -> None:
        with self._lock:
            if self._outbox:
                self._send_next()
                return
            self._is_sending = False
            if self._room is not None:
                self._server.post(self._resume)

    def _on_end(self, event: cygrpc.BatchOperationEvent) -> None:
        with self._lock:
            self._has_ended = True
            self._outbox.clear()
        super()._on_end(event)
        if event.batch_operations[0].cancelled():
            self._server.post(self.cancel)


async def _refuse(call: RpcCall) -> None:
    call.finish(code=grpc.StatusCode.UNIMPLEMENTED, details=NO_SUCH_METHOD)
