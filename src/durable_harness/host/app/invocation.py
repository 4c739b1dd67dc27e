"""Calling an app's functions: coroutines on the loop, plain functions in a pool of threads, each with its context."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from durable_harness.host.app.functions import Function
from durable_harness.host.failures import describe
from durable_harness.protocol import new_id

logger = logging.getLogger("durable_harness.host")

FUNCTION_THREADS = "function"
THREAD_COUNT_VARIABLE = "PYTHON_THREADPOOL_THREAD_COUNT"
TOLD_QUEUE_TIME_S = 0.5
TOLD_EVERY_S = 1.0


class FunctionTimeoutError(Exception):
    """Raised when an invocation takes longer than host.json's functionTimeout."""


class UserCodeExitError(Exception):
    """Raised in place of SystemExit and its like, which user code may raise but which must not end a thread."""


class TraceContext:
    """The `context.trace_context` of an invocation: the W3C headers of the request that caused it."""

    def __init__(self, trace_parent: str = "", trace_state: str = "") -> None:
        self.trace_parent, self.Traceparent = trace_parent, trace_parent
        self.trace_state, self.Tracestate = trace_state, trace_state
        self.attributes: dict[str, str] = {}
        self.Attributes = self.attributes


class RetryContext:
    """The `context.retry_context` of an invocation that is never retried by the host."""

    retry_count = 0
    max_retry_count = 0
    exception = None


class InvocationContext:
    """What a function's `context` parameter receives."""

    def __init__(self, function: Function, directory: str, trace: TraceContext, local: threading.local) -> None:
        self.invocation_id = new_id()
        self.function_name = function.name
        self.function_directory = directory
        self.trace_context = trace
        self.retry_context = RetryContext()
        self.thread_local_storage = local


class OutputParameter:
    """What a function's output binding parameter receives. This host has no target to write it to and says so."""

    def __init__(self, function: Function, binding: dict[str, Any]) -> None:
        self._where = f"Function '{function.name}': the output '{binding['name']}' ({binding['type']})"
        self._value: Any = None

    def set(self, value: Any) -> None:
        self._value = value
        logger.warning("%s is not written: this host serves HTTP and durable functions.", self._where)

    def get(self) -> Any:
        return self._value


class Invoker:
    """Runs functions. `client_binding` gives the value of a durableClient binding."""

    def __init__(
        self,
        directory: str,
        client_binding: Callable[[dict[str, Any]], str],
        timeout_s: float | None,
        thread_count: int | None = None,
    ) -> None:
        self._directory = directory
        self._client_binding = client_binding
        self._timeout_s = timeout_s
        self._thread_count = thread_count or default_thread_count()
        self._pool = ThreadPoolExecutor(self._thread_count, thread_name_prefix=FUNCTION_THREADS)
        self._thread_local = threading.local()
        self._quiet_until_s = 0.0

    async def invoke(self, function: Function, trigger_value: Any, trace: TraceContext | None = None) -> Any:
        """Call a function with its trigger's value and return what it returns, or raise what it raises."""
        arguments = {function.trigger_parameter: trigger_value}
        for binding in function.bindings:
            if binding["name"] not in arguments and binding["name"] != "$return":
                arguments[binding["name"]] = self._bound_value(function, binding)
        if function.wants_context:
            arguments["context"] = InvocationContext(
                function, str(function.directory or self._directory), trace or TraceContext(), self._thread_local
            )
        if function.is_async:
            return await self._in_time(function, function.call(**arguments))
        return await self._in_time(
            function, self.in_thread(functools.partial(function.call, **arguments), f"Function '{function.name}'")
        )

    async def in_thread(self, call: Callable[[], Any], what: str) -> Any:
        """Run a plain callable in the pool, with the context variables of here. `what` names it where it must wait."""
        context, asked_s = contextvars.copy_context(), time.monotonic()

        def run() -> Any:
            self._note_queue_time(what, time.monotonic() - asked_s)
            return context.run(_contained, call)

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    def _note_queue_time(self, what: str, queue_time_s: float) -> None:
        """Tell of waits that people would otherwise take for slow code; not of each of a crowd."""
        now_s = time.monotonic()
        if queue_time_s >= TOLD_QUEUE_TIME_S and now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + TOLD_EVERY_S
            logger.warning(
                "%s waited %.1f s for a thread: all %d are busy. Make plain functions that wait for something async, or"
                " set %s.",
                what,
                queue_time_s,
                self._thread_count,
                THREAD_COUNT_VARIABLE,
            )

    def fill(self, seconds: float) -> Callable[[], None]:
        """Occupy every thread of the pool, for so long or until the returned function is called."""
        released = threading.Event()
        for _ in range(self._thread_count):
            self._pool.submit(released.wait, seconds)
        return released.set

    def close(self) -> None:
        """Let running functions end by themselves; start no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_time(self, function: Function, call: Any) -> Any:
        if self._timeout_s is None:
            return await call
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                return await call
        except TimeoutError:
            if not limit.expired():
                raise
            message = f"Timeout value of {self._timeout_s:g} s exceeded by function '{function.name}'"
            raise FunctionTimeoutError(f"{message} (host.json: functionTimeout).") from None

    def _bound_value(self, function: Function, binding: dict[str, Any]) -> Any:
        if str(binding["type"]).lower() == "durableclient":
            return self._client_binding(binding)
        if str(binding.get("direction", "")).upper() == "OUT":
            return OutputParameter(function, binding)
        raise NotImplementedError(
            f"Function '{function.name}' needs the input binding '{binding['name']}' of type '{binding['type']}', which"
            " this host does not have. It serves HTTP triggers, durable functions and durable clients."
        )


def _contained(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except StopIteration as error:  # no future accepts it: the caller would wait forever
        raise RuntimeError(f"the function raised {describe(error)}") from error
    except Exception:
        raise
    except BaseException as error:
        raise UserCodeExitError(describe(error)) from error


def default_thread_count() -> int:
    """Return PYTHON_THREADPOOL_THREAD_COUNT where it is a positive number, else Python's own default."""
    given = os.environ.get(THREAD_COUNT_VARIABLE, "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return min(32, (os.cpu_count() or 1) + 4)
