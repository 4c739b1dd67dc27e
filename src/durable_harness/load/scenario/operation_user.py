"""The closed user: a scenario subclasses it and defines what it starts, and how long it waits in between."""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import locust
from locust import FastHttpUser, User
from locust.env import Environment
from locust.exception import StopUser

from durable_harness.errors import UsageError
from durable_harness.load.engine.follow import Follower
from durable_harness.load.engine.load_run import LoadRun, join
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.target import public_url
from durable_harness.load.processes.plugin import install, is_rehearsing, options_of, run_of
from durable_harness.load.scenario.beside_operations import BesideOperations
from durable_harness.load.scenario.scenario_polling import polling_of
from durable_harness.network.redirects import is_same_origin
from durable_harness.operations import (
    FixedPolling,
    Operation,
    OperationPlan,
    OperationRecord,
    PollStrategy,
    Workload,
    key_headers,
)
from durable_harness.operations.description import fill_path
from durable_harness.operations.operation_plan import TRACE_HEADER
from durable_harness.platforms.clocks import monotonic

GATES_FILE = "gates.toml"
TRACE_ID_CHARS = 32
"""A token ends in that many hexadecimal digits of a UUID, which no other operation has. They are the trace id too."""
logger = logging.getLogger(__name__)
_USER_NUMBERS = itertools.count()


class OperationUser(BesideOperations, FastHttpUser):  # type: ignore[misc] # Locust is not followed by mypy
    """A closed workload: users that start long-running operations and wait for their end.

        class Orders(OperationUser):
            wait_time = constant_pacing(2)
            start_path = "/api/orders"
            payload = {"order": "{token}"}

            @task
            def one_order(self):
                self.run_operation()

    An app other than the sample needs a `payload`, and `check_output` if its output can be wrong; `DescribedScenario`
    has all attributes and hooks. They are checked before any load: a misspelt name ends the command with code 2.

    Since such a user waits for its operations, a slow system gets less load: completion counts from sending the start.
    `ArrivalUser` makes load that does not wait.
    """

    abstract = True
    workload = Workload.CLOSED

    def __init__(self, environment: locust.env.Environment) -> None:
        super().__init__(environment)
        # A user that only says what it would send must not change what the others draw.
        number = next(_USER_NUMBERS) if not is_rehearsing(environment) else "of the preflight"
        seed = f"{self.options.seed}:{type(self).__name__}:user {number}"
        self.random = Random(seed)  # noqa: S311 - load, not secrets
        # Phases of polls have a stream of their own: drawing them must not change the payloads of a seed.
        self._phases = Random(f"{seed}:poll phases")  # noqa: S311 - load, not secrets
        self._number = -1

    @property
    def options(self) -> LoadOptions:
        """The options of the run."""
        return options_of(self.environment)

    @property
    def key_headers(self) -> Mapping[str, str]:
        """The headers that carry `--function-key`."""
        return key_headers(self.options.function_key)

    def on_accepted(self, operation: Operation) -> None:
        """Do something as soon as the service has accepted an operation; nothing unless overridden.

        It runs on the greenlet that serves all operations, so it must not wait: `raise_event_later` and
        `terminate_later` do not. What it raises is reported as an exception of the user.

        Args:
            operation: the operation, whose `record` has its id.
        """

    @functools.cached_property
    def _carries_trace(self) -> bool:
        """Whether starts get a trace parent of ours: one of the scenario's own goes before it."""
        own = {name.lower() for name in self.described.start.headers}
        return self.options.metrics.has_traces and TRACE_HEADER not in own

    def run_operation(self) -> OperationRecord:
        """Start one operation, wait for its end and return its record.

        Raises:
            locust.exception.StopUser: the run is ending; it ends this user.
        """
        return self.run_operations(1)[0]

    def run_operations(self, count: int) -> list[OperationRecord]:
        """Start operations at the same moment, wait until all have ended and return their records.

        Args:
            count: how many.

        Raises:
            locust.exception.StopUser: the run is ending; it ends this user.
        """
        started = self._start(count)
        join(follower for _, follower in started)
        return [operation.record for operation, _ in started]

    def start_operations(self, count: int) -> list[Operation]:
        """Start operations at the same moment and return without waiting; the run follows them to their end.

        Args:
            count: how many.

        Raises:
            locust.exception.StopUser: the run is ending; it ends this user.
        """
        return [operation for operation, _ in self._start(count)]

    def _start(self, count: int) -> list[tuple[Operation, Follower]]:
        if not self._run.is_accepting:
            raise StopUser
        return [self._start_one(self._run.new_token(), monotonic()) for _ in range(count)]

    def _start_one(self, token: str, intended: float) -> tuple[Operation, Follower]:
        self._number += 1
        operation, follower = self._run.start(self._plan(token, intended, polling_of(self._run, type(self))))
        if (event := self.options.start.event) is not None:
            self.raise_event_later(operation, 0.0, *event)
        if type(self).on_accepted is not OperationUser.on_accepted:
            operation.when_accepted(self._accepted)
        return operation, follower

    def _accepted(self, operation: Operation) -> None:
        """Call the author's hook; what it raises is reported as Locust does for its users' tasks."""
        try:
            self.on_accepted(operation)
        except Exception as error:
            self.environment.events.user_error.fire(user_instance=self, exception=error, tb=sys.exc_info()[2])
            logger.exception("%s.on_accepted raised", type(self).__name__)

    @classmethod
    def first_plan(cls, environment: Environment, options: LoadOptions) -> OperationPlan:
        """Return the plan of one operation before the run, as the scenario would make it.

        Args:
            environment: Locust's environment, whose host is the service's URL.
            options: the options of the run.
        """
        cls.host = environment.host
        user = cls(environment)
        polling = FixedPolling(cls.poll_interval_s or options.poll_interval_s)
        user._number = 0
        return user._plan(f"preflight-{uuid.uuid4().hex}", monotonic(), polling)

    @classmethod
    def leaves_operations_alone(cls) -> bool:
        """Whether operations end by themselves: what is done once they are accepted may be what ends them."""
        return cls.on_accepted is OperationUser.on_accepted

    def _start_url(self, values: Mapping[str, Any]) -> str:
        """Return where an operation starts; keys and headers go there, so it must be at the host of the run."""
        path, home = self.described.start.path, self.environment.host or ""
        if not _leads_to(f"{self.host}{path}", home):
            raise UsageError(f"{type(self).__name__}: its starts would not go to {public_url(home)}, the run's host")
        return f"{self.host}{fill_path(path, values)}"

    @property
    def _run(self) -> LoadRun:
        return run_of(self.environment)

    def _plan(self, token: str, intended: float, polling: PollStrategy) -> OperationPlan:
        options, service = self.options, self.described
        return OperationPlan(
            token=token,
            start_url=self._start_url({"token": token, "number": self._number}),
            payload=self._body(token),
            polling=polling,
            timeout_s=self.operation_timeout_s or options.operation_timeout_s,
            service=service,
            base_url=self.host or "",
            key_headers=self.key_headers,
            check_output=self.check_output,
            intended=intended,
            poll_phase=1 - self._phases.random(),
            scenario=type(self).__name__,
            workload=self.workload,
            trace_id=token[-TRACE_ID_CHARS:] if self._carries_trace else "",
            raises=options.start.event,
        )


_leads_to = functools.lru_cache(is_same_origin)
"""Asked for every operation, and mostly the same."""


def gates_beside_scenarios() -> Path | None:
    """Find the gates.toml in the folder of one of the scenarios that Locust has loaded."""
    folders = dict.fromkeys(Path(inspect.getfile(scenario)).parent for scenario in _subclasses(OperationUser))
    found = (folder / GATES_FILE for folder in folders if (folder / GATES_FILE).is_file())
    return next((Path(os.path.relpath(path)) for path in found), None)


def loaded_scenarios() -> Iterator[str]:
    """Name the scenarios that Locust has loaded."""
    return (scenario.__name__ for scenario in _subclasses(OperationUser) if not scenario.abstract)


def _subclasses(cls: type[User]) -> Iterator[type[User]]:
    subclasses: list[type[User]] = cls.__subclasses__()
    for subclass in subclasses:
        yield subclass
        yield from _subclasses(subclass)


install(locust.events, gates_beside_scenarios, loaded_scenarios)
