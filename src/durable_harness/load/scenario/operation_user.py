"""The closed user: a scenario subclasses it and says what it starts, and how long it waits in between."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any
from weakref import WeakKeyDictionary

import gevent
import locust
from locust import FastHttpUser
from locust.exception import StopUser

from durable_harness.errors import UsageError
from durable_harness.foreign_text import hide
from durable_harness.load.audit import AuditedService
from durable_harness.load.engine.follow import Follower
from durable_harness.load.engine.run import Run, join
from durable_harness.load.options.run import LoadOptions
from durable_harness.load.options.target import public_url
from durable_harness.load.options.values import Durations
from durable_harness.load.processes.plugin import install, run_of
from durable_harness.operations import (
    Operation,
    OperationPlan,
    OperationRecord,
    OperationState,
    PollStrategy,
    Request,
    ServiceDescription,
    Workload,
    accept_any_output,
    check_echo,
    durable_status_route,
    durable_webhooks,
    poll_strategy,
)
from durable_harness.operations.description import fill
from durable_harness.redirects import is_same_origin

GATES_FILE = "gates.toml"
KEY_HEADER = "x-functions-key"
ACCEPTANCE_CHECK_S = 0.01
_USER_NUMBERS = itertools.count()
_STRATEGIES: WeakKeyDictionary[Run, dict[str, PollStrategy]] = WeakKeyDictionary()


class OperationUser(FastHttpUser):  # type: ignore[misc] # Locust is not followed by mypy
    """A user that starts long-running operations and polls them to their end.

        class Steady(OperationUser):
            wait_time = constant_pacing(2)

            @task
            def one_operation(self):
                self.run_operation()

    Override `payload` and `check_output` for an app other than the sample, and the two paths if its routes differ.
    Such a user waits for its operations, so a slow system gets less load: completion counts from sending the start. For
    load that does not wait see `ArrivalUser`.
    """

    abstract = True
    start_path = "/api/async_http_api"
    status_path = "/api/status/{id}"
    """Polled with `--status-source app`."""
    service: ServiceDescription | None = None
    """How the service follows the pattern; None for a durable app with the two paths above."""
    started_at: str | None = None
    finished_at: str | None = None
    """JSON pointers into a durable app's terminal status, such as `/output/finishedAt`, for an app that puts out when
    its work began and ended. A host of ours is asked for these times, and needs no such output."""
    operation_type = "load_test"

    workload = Workload.CLOSED

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        seed = f"{self.options.seed}:{type(self).__name__}:user {next(_USER_NUMBERS)}"
        self.random = Random(seed)  # noqa: S311 - load, not secrets
        # Phases of polls have a stream of their own: drawing them must not change the payloads of a seed.
        self._phases = Random(f"{seed}:poll phases")  # noqa: S311 - load, not secrets

    @property
    def options(self) -> LoadOptions:
        """The options of the run."""
        return self._run.options

    @property
    def key_headers(self) -> Mapping[str, str]:
        """The headers that carry `--function-key`."""
        return {KEY_HEADER: self.options.function_key} if self.options.function_key else {}

    @property
    def durations(self) -> Durations:
        """The seconds of work that operations ask for."""
        return self.options.operation_duration_s

    @functools.cached_property
    def described(self) -> ServiceDescription:
        """The service of the run."""
        return self.described_by(self.options)

    @classmethod
    def described_by(cls, options: LoadOptions) -> ServiceDescription:
        """Return the service: of `--service`, else the scenario's own, else a durable app's with the two paths."""
        service = options.service() or cls.service
        if service is not None:
            hide(service.secrets)
            return service
        if options.status_source == "app":
            return durable_status_route(cls.start_path, cls.status_path, cls.started_at, cls.finished_at)
        return durable_webhooks(cls.start_path, cls.started_at, cls.finished_at)

    def payload(self, token: str) -> Any:
        """Return the JSON body of a start; `token` is unique and should come back in the output."""
        duration_s = self.durations.pick_s(self.random)
        body = self.described.start.body
        if body is not None:
            return fill(body, {"token": token, "duration": duration_s})
        return {"operation_type": self.operation_type, "duration": duration_s, "data": {"token": token}}

    def check_output(self, sent: Any, output: Any) -> str | None:
        """Say what is wrong with an operation's output, None if nothing is: the sample app's echoes what was sent."""
        return check_echo(sent, output) if self._is_sample(self.options) else accept_any_output(sent, output)

    @classmethod
    def _is_sample(cls, options: LoadOptions) -> bool:
        """Tell whether the app is taken for the sample, whose outputs echo what was sent."""
        return options.service_file is None and cls.described_by(options).start.body is None

    def run_operation(self) -> OperationRecord:
        """Start one operation, wait for its end and return its record."""
        return self.run_operations(1)[0]

    def run_operations(self, count: int) -> list[OperationRecord]:
        """Start `count` operations at once, wait until all have ended and return their records.

        Raises Locust's StopUser, which ends this user, when the run is being wound up.
        """
        started = self._start(count)
        join(follower for _, follower in started)
        return [operation.record for operation, _ in started]

    def start_operations(self, count: int) -> list[Operation]:
        """Start `count` operations at once and return without waiting; the run follows them to their end."""
        return [operation for operation, _ in self._start(count)]

    def terminate_later(self, operation: Operation, delay_s: float, reason: str = "load test") -> None:
        """Ask for an operation's end `delay_s` seconds after it was accepted, unless it has ended by then.

        From then on being terminated is the end that it is meant to have.
        """
        gevent.spawn(self._terminate, operation, delay_s, reason)

    def _terminate(self, operation: Operation, delay_s: float, reason: str) -> None:
        while operation.record.state is OperationState.STARTING:
            gevent.sleep(ACCEPTANCE_CHECK_S)
        gevent.sleep(delay_s)
        terminate, request = self.described.terminate, operation.terminate_request(reason)
        if terminate is not None and request is not None:
            self._ask(request, "terminate", terminate.accepted | terminate.too_late)

    def send_expecting(self, request: Request, name: str, expected: Collection[int], at: float | None = None) -> None:
        """Send a request beside the operations, without waiting: a success is an answer with one of these HTTP codes.

        `at` is the moment to send it, in seconds of `time.monotonic()`. It is listed under `name`, and is in no figure
        of the operations; a run in which such a request got another answer does not pass.
        """
        delay_s = 0.0 if at is None else max(0.0, at - time.monotonic())
        gevent.spawn_later(delay_s, self._ask, request, name, expected)

    def _ask(self, request: Request, name: str, expected: Collection[int]) -> None:
        self._run.ask(request, name=name, expected=expected, scenario=type(self).__name__)

    @classmethod
    def audited_service(cls, options: LoadOptions) -> AuditedService:
        """Return how an audit reads its service; outputs echo tokens where that is what is checked."""
        service, has_own_check = cls.described_by(options), cls.check_output is not OperationUser.check_output
        echoes = service.status.token is not None or (not has_own_check and cls._is_sample(options))
        return AuditedService(service, echoes=echoes, is_checked=echoes or has_own_check)

    @classmethod
    def describe_work(cls, options: LoadOptions) -> str:
        """Return, for the report, the seconds of work that operations ask for, as far as the options decide that."""
        body = cls.described_by(options).start.body
        is_own = cls.payload is not OperationUser.payload or cls.durations is not OperationUser.durations
        is_asked = body is None or "{duration}" in json.dumps(body)
        return str(options.operation_duration_s) if is_asked and not is_own else "as the scenario decides"

    def _start(self, count: int) -> list[tuple[Operation, Follower]]:
        if not self._run.is_accepting:
            raise StopUser
        return [self._start_one(self._run.new_token(), time.monotonic()) for _ in range(count)]

    def _start_one(self, token: str, intended: float) -> tuple[Operation, Follower]:
        return self._run.start(self._plan(token, intended))

    def _start_url(self) -> str:
        """Return where operations start; keys and headers go there, so it must be at the host of the run."""
        url, home = f"{self.host}{self.described.start.path}", self.environment.host or ""
        if not _leads_to(url, home):
            raise UsageError(f"{type(self).__name__}: its starts would not go to {public_url(home)}, the run's host")
        return url

    @property
    def _run(self) -> Run:
        return run_of(self.environment)

    def _plan(self, token: str, intended: float) -> OperationPlan:
        options, service = self.options, self.described
        return OperationPlan(
            token=token,
            start_url=self._start_url(),
            payload=self.payload(token),
            polling=_polling_of(self._run, type(self).__name__),
            timeout_s=options.operation_timeout_s,
            service=service,
            base_url=self.host or "",
            key_headers=self.key_headers,
            check_output=self.check_output,
            intended=intended,
            poll_phase=1 - self._phases.random(),
            scenario=type(self).__name__,
            workload=self.workload,
        )


_leads_to = functools.lru_cache(is_same_origin)
"""Asked for every operation, and mostly the same."""


def _polling_of(run: Run, scenario: str) -> PollStrategy:
    """Return the strategy that the operations of a scenario share in a run: one that learns, learns from all."""
    strategies = _STRATEGIES.setdefault(run, {})
    if scenario not in strategies:
        options = run.options
        strategies[scenario] = poll_strategy(options.poll_strategy, options.poll_interval_s, options.poll_budget)
    return strategies[scenario]


def gates_beside_scenarios() -> Path | None:
    """Find the gates.toml in the folder of one of the scenarios that Locust has loaded."""
    folders = dict.fromkeys(Path(inspect.getfile(scenario)).parent for scenario in _subclasses(OperationUser))
    found = (folder / GATES_FILE for folder in folders if (folder / GATES_FILE).is_file())
    return next((Path(os.path.relpath(path)) for path in found), None)


def loaded_scenarios() -> Iterator[str]:
    """Name the scenarios that Locust has loaded."""
    return (scenario.__name__ for scenario in _subclasses(OperationUser) if not scenario.abstract)


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    subclasses: list[type[Any]] = cls.__subclasses__()
    for subclass in subclasses:
        yield subclass
        yield from _subclasses(subclass)


install(locust.events, gates_beside_scenarios, loaded_scenarios)
