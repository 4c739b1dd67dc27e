"""The closed user: a scenario subclasses it and says what it starts, and how long it waits in between."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import logging
import os
import sys
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

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
from durable_harness.load.processes.plugin import install, is_rehearsing, options_of, run_of
from durable_harness.load.scenario.attributes import check_attributes
from durable_harness.load.scenario.polling import describe_polling, polling_of
from durable_harness.operations import (
    FixedPolling,
    HttpResponse,
    NoResponse,
    Operation,
    OperationPlan,
    OperationRecord,
    PollStrategy,
    Request,
    ServiceDescription,
    Workload,
    accept_any_output,
    check_echo,
    durable_status_route,
    durable_webhooks,
    key_headers,
)
from durable_harness.operations.description import SAMPLE_START_PATH, fill, fill_path
from durable_harness.operations.operation import TRACE_HEADER
from durable_harness.platforms.clocks import monotonic
from durable_harness.redirects import is_same_origin

GATES_FILE = "gates.toml"
TRACE_ID_CHARS = 32
"""A token ends in so many hexadecimal digits of a UUID, which no other operation has."""
NO_TERMINATE = "the service has no way to end one. Describe it: [terminate] in the file for --service."
NO_URL = "the answer to the start has no URL for it: does the description name the right place?"
NO_EVENT = "the service has no way to raise one. Describe it: [event] in the file for --service."
logger = logging.getLogger(__name__)
_USER_NUMBERS = itertools.count()


class _About(NamedTuple):
    """A request about an operation: its row in Locust's table, the HTTP codes that are right, where it goes."""

    name: str
    expected: Collection[int]
    url: Callable[[], str | None]


class OperationUser(FastHttpUser):  # type: ignore[misc] # Locust is not followed by mypy
    """A user that starts long-running operations and polls them to their end.

        class Steady(OperationUser):
            wait_time = constant_pacing(2)

            @task
            def one_operation(self):
                self.run_operation()

    For an app other than the sample say what to send where (`start_path`, `payload`) and how to tell a right output
    (`check_output`). docs/how-to/scenarios.md has all that a scenario may define; it is checked before any load.

    Such a user waits for its operations, so a slow system gets less load: completion counts from sending the start. For
    load that does not wait see `ArrivalUser`.
    """

    abstract = True
    start_path = "/api/async_http_api"
    start_method = "POST"
    headers: Mapping[str, str] = {}
    """Sent with the start and, to the host of the run alone, with polls."""
    status_path = "/api/status/{id}"
    """Polled with `--status-source app`."""
    service: ServiceDescription | None = None
    """How the service follows the pattern; None for a durable app with the two paths above."""
    started_at: str | None = None
    finished_at: str | None = None
    """JSON pointers into a durable app's terminal status, such as `/output/finishedAt`, for an app that puts out when
    its work began and ended. A host of ours is asked for these times, and needs no such output."""
    operation_type = "load_test"
    poll_strategy: str | PollStrategy | None = None
    """A name that `--poll-strategy` takes, or a strategy; None, as for the next ones, leaves it to the option."""
    poll_interval_s: float | None = None
    poll_budget: float | None = None
    operation_timeout_s: float | None = None

    workload = Workload.CLOSED

    def __init__(self, environment: Any) -> None:
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
        """Return the service: of `--service`, else the scenario's own, else a durable app's with the two paths.

        What the options say of the start goes before what any of these say.
        """
        service = options.service() or cls.service
        if service is None:
            service = cls._durable_app(options)
        hide(service.secrets)
        return options.start.on(service)

    @classmethod
    def _durable_app(cls, options: LoadOptions) -> ServiceDescription:
        """Return the description of a durable app with what the scenario's attributes say."""
        start_path = options.start.path_for(cls._own_start_path(), cls.start_path)
        if options.status_source == "app":
            service = durable_status_route(start_path, cls.status_path, cls.started_at, cls.finished_at)
        else:
            service = durable_webhooks(start_path, cls.started_at, cls.finished_at)
        own_method = None if cls.start_method == OperationUser.start_method else cls.start_method
        method = options.start.method_for(cls._own_start_path(), own_method, cls.start_method)
        start = replace(service.start, method=method, headers=cls.headers)
        return replace(service, start=start, status=replace(service.status, headers=cls.headers))

    @classmethod
    def _own_start_path(cls) -> str | None:
        """Return the path that the scenario names; None if it leaves that open."""
        return None if cls.start_path == OperationUser.start_path else cls.start_path

    @classmethod
    def names_start(cls, options: LoadOptions) -> bool:
        """Whether it is said where operations start, so that nothing has to be looked for."""
        is_described = options.service() is not None or cls.service is not None
        return is_described or options.start.path is not None or cls._own_start_path() is not None

    @classmethod
    def check(cls, options: LoadOptions) -> None:
        """Raise UsageError for a scenario that cannot run: a wrong attribute, or a service that lacks what it needs."""
        service = cls.described_by(options)
        problem = cls.check_service(service)
        if options.start.event is not None and service.event is None:
            problem = f"--raise-event: {NO_EVENT}"
        if problem is not None:
            raise UsageError(f"{cls.__name__}: {problem}\n  Or name the scenarios to run behind the options.")

    @classmethod
    def check_attributes(cls) -> None:
        """Raise UsageError for an attribute of the author's that is misspelt or of a wrong type."""
        check_attributes(cls)

    @classmethod
    def check_service(cls, service: ServiceDescription) -> str | None:  # noqa: ARG003 - for those who override it
        """Say what the scenario needs that a service does not have, and where to write it; None if it has all."""
        return None

    def payload(self, token: str) -> Any:
        """Return the JSON body of a start; `token` is unique and should come back in the output.

        In a subclass it may also be a JSON value, in which `{token}`, `{duration}` and `{number}` are filled in.
        """
        body = self.described.start.body
        if body is not None:
            return self.fill(body, token)
        duration_s = self.durations.pick_s(self.random)
        return {"operation_type": self.operation_type, "duration": duration_s, "data": {"token": token}}

    def fill(self, template: Any, token: str) -> Any:
        """Put an operation's token, duration and number into a JSON value: `"{duration}"` becomes a number."""
        values = {"token": token, "duration": self.durations.pick_s(self.random), "number": self._number}
        return fill(template, values)

    def _body(self, token: str) -> Any:
        """Return what a start sends: what the command line says goes before the scenario's own payload."""
        given = self.options.start.payload
        payload: Any = self.payload if given is None else given
        return payload(token) if callable(payload) else self.fill(payload, token)

    def check_output(self, sent: Any, output: Any) -> str | None:
        """Say what is wrong with an operation's output, None if nothing is: the sample app's echoes what was sent."""
        return check_echo(sent, output) if self._expects_echo else accept_any_output(sent, output)

    def on_accepted(self, operation: Operation) -> None:
        """Do what is to be done once an operation was accepted, without waiting for anything; nothing by default."""

    @functools.cached_property
    def _carries_trace(self) -> bool:
        """Whether starts get a trace parent of ours: one of the scenario's own goes before it."""
        own = {name.lower() for name in self.described.start.headers}
        return self.options.metrics.has_traces and TRACE_HEADER not in own

    @functools.cached_property
    def _expects_echo(self) -> bool:
        return self._is_sample(self.options)

    @classmethod
    def _is_sample(cls, options: LoadOptions) -> bool:
        """Tell whether the app is taken for the sample, whose outputs echo what was sent."""
        start = cls.described_by(options).start
        is_own = options.service_file is not None or start.body is not None or not callable(cls.payload)
        return not is_own and start.path == SAMPLE_START_PATH

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
        terminate = self.described.terminate
        if terminate is None:
            raise UsageError(f"{type(self).__name__} terminates operations: {NO_TERMINATE}")
        make = functools.partial(operation.terminate_request, reason)
        expected = terminate.accepted | terminate.too_late
        self._send_later(operation, delay_s, make, _About("terminate", expected, lambda: operation.terminate_url))

    def raise_event_later(self, operation: Operation, delay_s: float, name: str, data: Any = None) -> None:
        """Raise an event for an operation `delay_s` seconds after it was accepted, unless it has ended by then.

        `data` is sent as JSON. An event that an operation does not wait for yet is kept for it by the service.
        """
        event = self.described.event
        if event is None:
            raise UsageError(f"{type(self).__name__} raises events: {NO_EVENT}")
        json.dumps(data)  # What cannot be sent is refused here, while the scenario's own line is in the traceback.
        make = functools.partial(operation.event_request, name, data)
        expected = event.accepted | event.too_late
        self._send_later(operation, delay_s, make, _About("raise event", expected, lambda: operation.event_url))

    def _send_later(
        self, operation: Operation, delay_s: float, make: Callable[[], Request | None], about: _About
    ) -> None:
        """Send a request about an operation once it is accepted, and the delay over: a timer, and no greenlet."""
        run, scenario = self._run, type(self).__name__

        def plan(accepted: Operation) -> None:
            if about.url() is None:
                run.note_beside(about.name, NO_URL, scenario)
            else:
                moment = (accepted.record.accepted or monotonic()) + delay_s
                run.send_at(moment, make, about.name, about.expected, scenario)

        operation.when_accepted(plan)

    def send_expecting(self, request: Request, name: str, expected: Collection[int], at: float | None = None) -> None:
        """Send a request beside the operations, without waiting: a success is an answer with one of these HTTP codes.

        `at` is the moment to send it, in seconds of `time.monotonic()`. It is listed under `name`, and is in no figure
        of the operations; a run in which such a request got another answer does not pass.
        """
        self._run.send_at(monotonic() if at is None else at, lambda: request, name, expected, type(self).__name__)

    def ask(
        self, request: Request, name: str | None = None, expected: Collection[int] | None = None
    ) -> HttpResponse | NoResponse:
        """Send a request beside the operations and wait for what comes of it: an answer, or why there is none.

        It is listed under `name`, or else the path of its URL. With `expected` any other HTTP code is an unexpected
        answer. Only a closed scenario, or `on_start`, may wait; an open one has `send_expecting`.
        """
        return self._run.ask(request, name=name, expected=expected, scenario=type(self).__name__)

    @classmethod
    def audited_service(cls, options: LoadOptions) -> AuditedService:
        """Return how an audit reads its service; outputs echo tokens where that is what is checked."""
        service, has_own_check = cls.described_by(options), cls.check_output is not OperationUser.check_output
        echoes = service.status.token is not None or (not has_own_check and cls._is_sample(options))
        return AuditedService(service, echoes=echoes, is_checked=echoes or has_own_check)

    @classmethod
    def describe(cls, options: LoadOptions) -> dict[str, str]:
        """Return, for the report, what a scenario may decide otherwise than the options."""
        timeout_s = cls.operation_timeout_s or options.operation_timeout_s
        start = cls.described_by(options).start
        return {
            "start": f"{start.method} {start.path.partition('?')[0]}",
            "work per operation": cls._describe_work(options),
            "poll strategy": describe_polling(options, cls),
            "operation timeout": f"{timeout_s:g} s",
        }

    @classmethod
    def _describe_work(cls, options: LoadOptions) -> str:
        """Return the seconds of work that operations ask for, as far as the options decide that."""
        body = cls.described_by(options).start.body
        body = cls.payload if not callable(cls.payload) else body
        is_own = callable(cls.payload) and cls.payload is not OperationUser.payload
        is_own = is_own or cls.durations is not OperationUser.durations
        is_asked = body is None or "{duration}" in json.dumps(body)
        return str(options.operation_duration_s) if is_asked and not is_own else "as the scenario decides"

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
    def first_plan(cls, environment: Any, options: LoadOptions) -> OperationPlan:
        """Return the plan of one operation before the run, as the scenario would make it."""
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
    def _run(self) -> Run:
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


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    subclasses: list[type[Any]] = cls.__subclasses__()
    for subclass in subclasses:
        yield subclass
        yield from _subclasses(subclass)


install(locust.events, gates_beside_scenarios, loaded_scenarios)
