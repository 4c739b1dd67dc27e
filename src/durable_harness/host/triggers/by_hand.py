"""Functions run by hand, whatever their trigger: by the admin API and by tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker, RetryContext, RetryException, new_invocation_id
from durable_harness.host.app.retries import RetryPolicy
from durable_harness.host.failure_log import log_failure
from durable_harness.host.failures import describe, trace_of
from durable_harness.host.triggers.converting import Encoded, UnusableValueError, shown_content
from durable_harness.host.triggers.metadata import Arrived, arrived
from durable_harness.host.triggers.returned import answers_by_returning, returned_by
from durable_harness.host.triggers.unrunnable import reasons_of
from durable_harness.host.twice.twice_by_hand import run_by_hand
from durable_harness.host.twice.twice_records import TwiceRecords
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import RpcError
from durable_harness.protocol.alarms import AlarmClock
from durable_harness.wording.lengths import NS_PER_S

logger = own_logger(HOST_LOGGER)

Release = Callable[[], Awaitable[None]]
RETRIED = frozenset({"timertrigger", "eventhubtrigger", "cosmosdbtrigger", "kafkatrigger"})
"""The triggers whose functions Azure retries by a policy. What brings the others a message has rules of its own."""
GRACE_S = 5.0
"""How long the host, when it stops, waits for functions that were accepted to run by hand or by a timer."""
DURABLE_WAYS = {
    "orchestrationtrigger": "start it by POST /runtime/webhooks/durabletask/orchestrators/{name}",
    "entitytrigger": "signal it by POST /runtime/webhooks/durabletask/entities/{name}/KEY?op=OPERATION",
}
"""What has a history or a state of its own cannot run as a function alone."""


@dataclass(frozen=True)
class Run:
    """A function, what its trigger brings, and the id of this invocation."""

    function: Function
    arrived: Arrived
    invocation_id: str = field(default_factory=new_invocation_id)


@dataclass(frozen=True)
class Failure:
    """How an invocation failed."""

    description: str
    trace: str


@dataclass(frozen=True)
class Ending:
    """How an invocation ended."""

    failure: Failure | None = None
    returned: Encoded | None = None
    """What the function returned; None if nothing, and if it failed."""


async def _hold_nothing() -> None:
    """A run by hand holds no clock."""


class Runs:
    """Runs functions of an app outside any request; one that fails is logged with its traceback.

    Disabled functions run too, as in Azure: to disable a function takes away its trigger, not the way by hand.
    """

    def __init__(
        self, app: FunctionApp, invoker: Invoker, clock: AlarmClock, twice: TwiceRecords | None = None
    ) -> None:
        self._functions = {function.name.lower(): function for function in app.all}
        self._invoker = invoker
        self._clock = clock
        self._twice = twice
        self._resting: dict[asyncio.Task[object], Function] = {}
        """The functions that wait for a retry, by the task of their run."""
        self._running: dict[asyncio.Task[Ending], Run] = {}

    def find(self, name: str) -> Function | None:
        """Return a function by its name in any case."""
        return self._functions.get(name.lower())

    def prepare(self, function: Function, data: object, metadata: Mapping[str, object]) -> Run:
        """Return the run of a function with what a person gives it. Raises UnusableValueError if it cannot run so."""
        way = DURABLE_WAYS.get(function.trigger_type.lower())
        if way is not None and function.disabled_by is not None:
            raise UnusableValueError(f"it is disabled, by {function.disabled_by}, and cannot be started.")
        if way is not None:
            way = way.format(name=function.durable_name)
            raise UnusableValueError(f"{function.trigger_type} functions do not run by themselves: {way}.")
        for reason in reasons_of(function):
            raise UnusableValueError(f"it cannot run: {reason}")
        return Run(function, arrived(function, data, metadata))

    def start(self, run: Run, before_rest: Release = _hold_nothing) -> asyncio.Task[Ending]:
        """Begin a run; the task that is returned ends with how the function ended, its retries included.

        `before_rest` is called before each wait for a retry: the scheduler's clock must not be held then.
        """
        task = asyncio.ensure_future(self._invoke(run, before_rest))
        self._running[task] = run
        task.add_done_callback(self._running.pop)
        return task

    async def close(self) -> None:
        """Wait for what runs, for GRACE_S, then cancel it. What waits for a retry is cancelled at once."""
        if not self._running:
            return
        for resting, function in self._resting.items():
            logger.warning("Function '%s' is not tried again: the host ends.", function.name)
            resting.cancel()
        _done, late = await asyncio.wait(list(self._running), timeout=GRACE_S)
        for task in late:
            logger.warning("Function '%s' still runs and is given up.", self._running[task].function.name)
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _invoke(self, run: Run, before_rest: Release) -> Ending:
        """Try until the function succeeds or its retry policy allows no further try."""
        policy = run.function.retry if run.function.trigger_type.lower() in RETRIED else None
        ending = await self._try(run, RetryContext(max_retry_count=policy.max_retry_count if policy else 0))
        retry, release = 1, before_rest
        try:
            while policy is not None and ending.failure is not None and policy.allows(retry):
                failed = RetryException("", ending.failure.trace, ending.failure.description)
                release = await self._rest(run.function, policy, retry, release)
                ending = await self._try(run, RetryContext(retry, policy.max_retry_count, failed))
                retry += 1
        finally:
            if retry > 1:
                await release()
        return ending

    async def _rest(self, function: Function, policy: RetryPolicy, retry: int, release: Release) -> Release:
        """Wait for the time of the policy, by the scheduler's clock; return what releases that clock.

        `release` releases it now, once the next alarm is set.
        """
        delay_s = policy.delay_s(retry)
        limit = f" of {policy.max_retry_count}" if policy.max_retry_count >= 0 else ""
        logger.info("Function '%s' is tried again in %g s: retry %d%s.", function.name, delay_s, retry, limit)
        task = asyncio.current_task()
        assert task is not None
        self._resting[task] = function
        try:
            present = self._clock.alarm(function.name, 0)
            due = self._clock.alarm(function.name, await anext(present) + round(delay_s * NS_PER_S))
            await anext(due)
            await present.aclose()
            await release()
            await anext(due)
        except RpcError as error:
            logger.warning(
                "Function '%s' waits by the wall clock, as the scheduler's is gone: %s", function.name, error
            )
            await asyncio.sleep(delay_s)
            return _hold_nothing
        finally:
            self._resting.pop(task, None)
        return due.aclose

    async def _try(self, run: Run, retry: RetryContext) -> Ending:
        function = run.function

        async def call() -> object:
            return await self._invoker.invoke(
                function,
                run.arrived.value,
                invocation_id=run.invocation_id,
                source=run.arrived.source,
                retry=retry,
            )

        try:
            result = await run_by_hand(self._twice, function.trigger_type, function.durable_name, call)
            returned = returned_by(run.function, result)
        except BaseException as error:  # user code may raise anything, SystemExit and CancelledError included
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            log_failure("Function", run.function.name, error, run.function)
            return Ending(Failure(describe(error), trace_of(error)))
        if returned is not None and answers_by_returning(run.function):
            logger.info("Function '%s' returned: %s", run.function.name, shown_content(returned))
        return Ending(returned=returned)
