"""Calling an app's functions: coroutines on the loop, plain functions in a pool of threads, each with its context."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from azure.functions import ExtensionMeta

from durable_harness.debugging import has_debugger
from durable_harness.host.app.extensions import are_enabled, hooked
from durable_harness.host.app.functions import Function
from durable_harness.host.failures import describe
from durable_harness.host.stages import CURRENT, Holds
from durable_harness.logs.categories import HOST_LOGGER, running
from durable_harness.logs.own_loggers import own_logger
from durable_harness.own_tasks import shown_to_user_code
from durable_harness.protocol import new_id

logger = own_logger(HOST_LOGGER)
T = TypeVar("T")

FUNCTION_THREADS = "function"
THREAD_COUNT_VARIABLE = "PYTHON_THREADPOOL_THREAD_COUNT"
LOGGED_QUEUE_TIME_S = 0.5
LOGGED_EVERY_S = 1.0


class FunctionTimeoutError(Exception):
    """Raised when an invocation takes longer than host.json's functionTimeout."""


class UnexpectedResultError(Exception):
    """Raised when a function returns a value that no binding takes."""


class UserCodeExitError(Exception):
    """Raised in place of SystemExit and its like, which user code may raise but which must not end a thread."""


def new_invocation_id() -> str:
    """Return the id of an invocation: a GUID with dashes, as Azure gives them."""
    return str(uuid.UUID(new_id(), version=4))


@dataclass(eq=False)
class TraceContext:
    """The `context.trace_context` of an invocation: the W3C headers of the request that caused it."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def Traceparent(self) -> str:  # noqa: N802 - Azure's older names
        return self.trace_parent

    @property
    def Tracestate(self) -> str:  # noqa: N802
        return self.trace_state

    @property
    def Attributes(self) -> dict[str, str]:  # noqa: N802
        return self.attributes


@dataclass(frozen=True)
class RetryException:
    """What failed the try before this one, as `azure.functions.RpcException` has it."""

    source: str
    stack_trace: str
    message: str


@dataclass(frozen=True)
class RetryContext:
    """The `context.retry_context` of an invocation. `exception` is None in the first try."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: RetryException | None = None


class InvocationContext:
    """What a function's `context` parameter receives."""

    def __init__(
        self, function: Function, directory: str, trace: TraceContext, local: threading.local, invocation_id: str
    ) -> None:
        self.invocation_id = invocation_id
        self.function_name = function.name
        self.function_directory = directory
        self.trace_context = trace
        self.retry_context = RetryContext()
        self.thread_local_storage = local


class ActivitySource(NamedTuple):
    """What the other bindings of an activity can be resolved from: its input, and the instance that called it."""

    value: object
    instance_id: str


class Bindings(Protocol):
    """The bindings of a function other than its trigger."""

    def values(self, function: Function, trigger_value: object) -> dict[str, object]:
        """Return the arguments for them. Raises what fails the invocation if one has no value."""

    def written(
        self, function: Function, invocation_id: str | None, arguments: dict[str, object], result: object
    ) -> object:
        """Take what a function that succeeded wrote by its arguments and its result; return what its caller gets."""


class Invoker:
    """Runs functions, with their bindings."""

    def __init__(
        self,
        directory: str,
        bindings: Bindings,
        timeout_s: float | None,
        thread_count: int | None = None,
    ) -> None:
        self._directory = directory
        self._bindings = bindings
        self._timeout_s = timeout_s
        self._thread_count = thread_count or default_thread_count()
        self._pool = ThreadPoolExecutor(self._thread_count, thread_name_prefix=FUNCTION_THREADS)
        self._busy, self._busy_lock = 0, threading.Lock()
        self._thread_local = threading.local()
        self._quiet_until_s = 0.0
        self.holds = Holds()

    def directory_of(self, function: Function) -> str:
        """Return the folder that a function's context has."""
        return str(function.directory or self._directory)

    @property
    def thread_count(self) -> int:
        return self._thread_count

    async def invoke(  # noqa: PLR0913 - what an invocation is made of
        self,
        function: Function,
        trigger_value: object,
        trace: TraceContext | None = None,
        invocation_id: str | None = None,
        source: object = None,
        *,
        retry: RetryContext | None = None,
    ) -> object:
        """Call a function with its trigger's value and return what it returns, or raise what it raises.

        `source` is what the settings of its other bindings are resolved from, if that is not the trigger's value.
        """
        source = trigger_value if source is None else source
        arguments = self._bindings.values(function, source)
        arguments[function.trigger_parameter] = source
        given = {**arguments, function.trigger_parameter: trigger_value}
        call = function.call
        hooks = ExtensionMeta.get_application_hooks() or ExtensionMeta.get_function_hooks(function.name)
        has_hooks = hooks is not None and are_enabled()
        if function.wants_context or has_hooks:
            invocation_id = invocation_id or new_invocation_id()
            context = self._context(function, trace, invocation_id, retry)
            if function.wants_context:
                given["context"] = context
            if has_hooks:
                call = hooked(function, context, given)
        call = functools.partial(call, **given)
        try:
            async with asyncio.timeout(None if has_debugger() else self._timeout_s) as limit:
                with running(function.name), shown_to_user_code():
                    if function.is_async:
                        result = await self.holds.watch(function.name, call)
                    else:
                        result = await self.in_thread(call, f"Function '{function.name}'")
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"Timeout value of {self._timeout_s:g} s exceeded by function '{function.name}'"
            raise FunctionTimeoutError(f"{message} (host.json: functionTimeout).") from None
        if result is not None and not function.has_return:
            raise _unexpected(function, result)
        return self._bindings.written(function, invocation_id, arguments, result)

    def _context(
        self, function: Function, trace: TraceContext | None, invocation_id: str, retry: RetryContext | None
    ) -> InvocationContext:
        directory = self.directory_of(function)
        context = InvocationContext(function, directory, trace or TraceContext(), self._thread_local, invocation_id)
        context.retry_context = retry or context.retry_context
        return context

    async def in_thread(self, call: Callable[[], T], what: str) -> T:
        """Run a plain callable in the pool, with the context variables of here. `what` names it if it must wait."""
        context = contextvars.copy_context()
        return await asyncio.wrap_future(self.submit(functools.partial(context.run, call), what))

    def submit(self, call: Callable[[], T], what: str | None) -> Future[T]:
        """Run a plain callable in the pool as it is. `what` names it if it must wait; None is for what may wait."""
        asked_s, stages = time.monotonic(), CURRENT.get()
        # A free thread that a slow machine wakes late is no reason to want more threads.
        with self._busy_lock:
            must_wait = self._busy >= self._thread_count
        if stages is not None and must_wait:
            stages.asked_ns = stages.asked_ns or time.monotonic_ns()

        def run() -> T:
            if stages is not None:
                stages.begun_ns = stages.begun_ns or time.monotonic_ns()
            if must_wait and what is not None:
                self._note_queue_time(what, time.monotonic() - asked_s)
            try:
                return call()
            except StopIteration as error:  # no future accepts it: the caller would wait forever
                raise RuntimeError(f"the function raised {describe(error)}") from error
            except Exception:
                raise
            except BaseException as error:
                raise UserCodeExitError(describe(error)) from error
            finally:
                if stages is not None:
                    stages.ended_ns = time.monotonic_ns()

        future = self._pool.submit(run)
        with self._busy_lock:  # it is counted until it has ended or is cancelled
            self._busy += 1
        future.add_done_callback(self._note_end)
        return future

    def _note_end(self, _: Future[T]) -> None:
        with self._busy_lock:
            self._busy -= 1

    def _note_queue_time(self, what: str, queue_time_s: float) -> None:
        """Log a wait that people would otherwise take for slow code, but not each one of many."""
        now_s = time.monotonic()
        if queue_time_s >= LOGGED_QUEUE_TIME_S and now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + LOGGED_EVERY_S
            logger.warning(
                "%s waited %.1f s for a thread: all %d are busy. Make plain functions that wait for something async, or"
                " set %s.",
                what,
                queue_time_s,
                self._thread_count,
                THREAD_COUNT_VARIABLE,
            )

    def fill(self, seconds: float) -> Callable[[], None]:
        """Occupy every thread of the pool, for `seconds` or until the returned function is called."""
        released = threading.Event()
        for _ in range(self._thread_count):
            self.submit(functools.partial(released.wait, seconds), None)
        return released.set

    def close(self) -> None:
        """Start no more functions; those that run end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _unexpected(function: Function, result: object) -> UnexpectedResultError:
    return UnexpectedResultError(
        f"Function '{function.name}' returned {type(result).__name__}, and none of its bindings takes a result."
        " Return None, or add an output: in Azure the invocation fails too."
    )


def default_thread_count() -> int:
    """Return PYTHON_THREADPOOL_THREAD_COUNT if it is a positive number, else Python's own default."""
    given = os.environ.get(THREAD_COUNT_VARIABLE, "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return min(32, (os.cpu_count() or 1) + 4)
