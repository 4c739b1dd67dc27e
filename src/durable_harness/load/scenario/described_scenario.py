"""What a scenario's author declares: which service it loads, where operations start, what they send and expect."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.load.audit import AuditedService
from durable_harness.load.options.load_options import LoadOptions
from durable_harness.load.options.option_values import Durations
from durable_harness.load.scenario.attributes import check_attributes
from durable_harness.load.scenario.scenario_polling import describe_polling
from durable_harness.operations import (
    PollStrategy,
    ServiceDescription,
    accept_any_output,
    check_echo,
    durable_status_route,
    durable_webhooks,
)
from durable_harness.operations.description import SAMPLE_START_PATH, fill
from durable_harness.wording.foreign_text import hide

NO_EVENT = "the service has no way to raise one. Describe it: [event] in the file for --service."


class DescribedScenario:
    """The attributes of a scenario, the hooks for its payload and output, and what follows from them for a run.

    Attributes:
        start_path: path of the start request; `{token}` and `{number}` in it are filled in. `--start-path` overrides
            it. An app's only starter is found without it.
        start_method: HTTP method of the start request. `--start-method` overrides it.
        headers: sent with the start and, to the host of the run alone, with polls; never shown. `--headers` adds to
            them.
        status_path: the app's own status route, polled with `--status-source app`; `{id}` in it becomes the id of the
            operation.
        service: how a service of another kind follows the pattern, as a file for `--service` describes it; None for a
            durable app with the two paths above.
        started_at: JSON pointer into a durable app's terminal status, such as `/output/startedAt`, to the time at which
            its work began. Needed only for apps that are not on a durable-harness host, which measures that itself.
        finished_at: the same for the end of the work.
        operation_type: a word in the sample app's payload.
        poll_strategy: a name that `--poll-strategy` takes, or a strategy; None, here and below, leaves it to the
            option.
        poll_interval_s: seconds between two polls of an operation, as `--poll-interval`.
        poll_budget: polls per operation that the strategy `adaptive` may make on average, as `--poll-budget`.
        operation_timeout_s: seconds after which an operation counts as timed out, as `--operation-timeout`.
    """

    start_path = "/api/async_http_api"
    start_method = "POST"
    headers: Mapping[str, str] = {}
    status_path = "/api/status/{id}"
    service: ServiceDescription | None = None
    started_at: str | None = None
    finished_at: str | None = None
    operation_type = "load_test"
    poll_strategy: str | PollStrategy | None = None
    poll_interval_s: float | None = None
    poll_budget: float | None = None
    operation_timeout_s: float | None = None

    random: Random
    """A source of chance that is the same for the same `--seed`."""
    _number: int
    """The number of the current operation, from 0."""

    @property
    def options(self) -> LoadOptions:
        """The options of the run."""
        raise NotImplementedError

    @property
    def durations(self) -> Durations:
        """The seconds of work that operations ask for: `--operation-duration`, unless overridden."""
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
        own_method = None if cls.start_method == DescribedScenario.start_method else cls.start_method
        method = options.start.method_for(cls._own_start_path(), own_method, cls.start_method)
        start = replace(service.start, method=method, headers=cls.headers)
        return replace(service, start=start, status=replace(service.status, headers=cls.headers))

    @classmethod
    def _own_start_path(cls) -> str | None:
        """Return the path that the scenario names; None if it leaves that open."""
        return None if cls.start_path == DescribedScenario.start_path else cls.start_path

    @classmethod
    def names_start(cls, options: LoadOptions) -> bool:
        """Whether the place where operations start is given, so that none has to be looked for."""
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
        """Return what the scenario needs that a service does not have, and where to write it; None if it has all."""
        return None

    def payload(self, token: str) -> Any:
        """Return the JSON body of a start.

        A subclass may also define `payload` as a JSON value, in which `{token}`, `{duration}` and `{number}` are filled
        in. `--payload` goes before both.

        Args:
            token: unique for each operation. It should come back in the output, so that a mixed-up output is found.

        Returns:
            A value that is sent as JSON; without an override what the service's description says, else what the sample
            app takes.
        """
        body = self.described.start.body
        if body is not None:
            return self.fill(body, token)
        duration_s = self.durations.pick_s(self.random)
        return {"operation_type": self.operation_type, "duration": duration_s, "data": {"token": token}}

    def fill(self, template: Any, token: str) -> Any:
        """Return a JSON value with an operation's values filled in.

        Args:
            template: a JSON value with `{token}`, `{duration}` and `{number}` in its texts. A text that is only
                `{duration}` becomes a number, the seconds of work.
            token: the token of the operation.
        """
        values = {"token": token, "duration": self.durations.pick_s(self.random), "number": self._number}
        return fill(template, values)

    def _body(self, token: str) -> Any:
        """Return what a start sends: what the command line says goes before the scenario's own payload."""
        given = self.options.start.payload
        payload: Any = self.payload if given is None else given
        return payload(token) if callable(payload) else self.fill(payload, token)

    def check_output(self, sent: Any, output: Any) -> str | None:
        """Return what is wrong with an operation's output; None if nothing is.

        The operation counts as failed with that text as its reason. The sample app's output must echo what was sent;
        that of any other app is accepted unless this is overridden.

        Args:
            sent: the JSON value that was sent with the start.
            output: the JSON value of the output.
        """
        return check_echo(sent, output) if self._expects_echo else accept_any_output(sent, output)

    @functools.cached_property
    def _expects_echo(self) -> bool:
        return self._is_sample(self.options)

    @classmethod
    def _is_sample(cls, options: LoadOptions) -> bool:
        """Return whether the app is taken for the sample, whose outputs echo what was sent."""
        start = cls.described_by(options).start
        is_own = options.service_file is not None or start.body is not None or not callable(cls.payload)
        return not is_own and start.path == SAMPLE_START_PATH

    @classmethod
    def audited_service(cls, options: LoadOptions) -> AuditedService:
        """Return how an audit reads its service; outputs echo tokens where that is what is checked."""
        service, has_own_check = cls.described_by(options), cls.check_output is not DescribedScenario.check_output
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
        is_own = callable(cls.payload) and cls.payload is not DescribedScenario.payload
        is_own = is_own or cls.durations is not DescribedScenario.durations
        is_asked = body is None or "{duration}" in json.dumps(body)
        return str(options.operation_duration_s) if is_asked and not is_own else "as the scenario decides"
