"""Functions run by hand, whatever their trigger: by the admin API and by tests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.invocation import Invoker, new_invocation_id
from durable_harness.host.failures import describe, log_failure, trace_of
from durable_harness.host.triggers.converting import Encoded, UnusableValueError, shown_content
from durable_harness.host.triggers.metadata import Arrived, arrived
from durable_harness.host.triggers.returned import answers_by_returning, returned_by
from durable_harness.host.triggers.unrunnable import reasons_of
from durable_harness.log_categories import HOST_LOGGER

logger = logging.getLogger(HOST_LOGGER)

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


class Runs:
    """Runs functions of an app outside any request; one that fails is logged with its traceback.

    Disabled functions run too, as in Azure: to disable a function takes away its trigger, not the way by hand.
    """

    def __init__(self, app: FunctionApp, invoker: Invoker) -> None:
        self._functions = {function.name.lower(): function for function in app.all}
        self._invoker = invoker
        self._running: dict[asyncio.Task[Ending], Run] = {}

    def find(self, name: str) -> Function | None:
        """Return a function by its name in any case."""
        return self._functions.get(name.lower())

    def prepare(self, function: Function, data: Any, metadata: Mapping[str, Any]) -> Run:
        """Return the run of a function with what a person gives it. Raises UnusableValueError for what cannot be."""
        way = DURABLE_WAYS.get(function.trigger_type.lower())
        if way is not None and function.disabled_by is not None:
            raise UnusableValueError(f"it is disabled, by {function.disabled_by}, and cannot be started.")
        if way is not None:
            way = way.format(name=function.durable_name)
            raise UnusableValueError(f"{function.trigger_type} functions do not run by themselves: {way}.")
        for reason in reasons_of(function):
            raise UnusableValueError(f"it cannot run: {reason}")
        return Run(function, arrived(function, data, metadata))

    def start(self, run: Run) -> asyncio.Task[Ending]:
        """Begin a run; the task that is returned ends with how the function ended."""
        task = asyncio.ensure_future(self._invoke(run))
        self._running[task] = run
        task.add_done_callback(self._running.pop)
        return task

    async def close(self) -> None:
        """Wait for what runs, for GRACE_S, then cancel it."""
        if not self._running:
            return
        _done, late = await asyncio.wait(list(self._running), timeout=GRACE_S)
        for task in late:
            logger.warning("Function '%s' still runs and is given up.", self._running[task].function.name)
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _invoke(self, run: Run) -> Ending:
        try:
            result = await self._invoker.invoke(
                run.function, run.arrived.value, invocation_id=run.invocation_id, source=run.arrived.source
            )
            returned = returned_by(run.function, result)
        except BaseException as error:  # user code may raise anything, SystemExit and CancelledError included
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            log_failure("Function", run.function.name, error, run.function.name)
            return Ending(Failure(describe(error), trace_of(error)))
        if returned is not None and answers_by_returning(run.function):
            logger.info("Function '%s' returned: %s", run.function.name, shown_content(returned))
        return Ending(returned=returned)
