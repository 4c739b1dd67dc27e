"""The Locust user of the pattern: a scenario subclasses it and says what to start, and when."""

from __future__ import annotations

import inspect
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import locust
from locust import FastHttpUser
from locust.exception import StopUser

from durable_harness.load.follow import Follower
from durable_harness.load.plugin import install, run_of
from durable_harness.load.run import Run, join
from durable_harness.operations import (
    Operation,
    OperationPlan,
    OperationRecord,
    ServiceDescription,
    check_echo,
    durable_status_route,
    durable_webhooks,
    poll_strategy,
)

GATES_FILE = "gates.toml"
KEY_HEADER = "x-functions-key"


class OperationUser(FastHttpUser):  # type: ignore[misc] # Locust is not followed by mypy
    """A user that starts long-running operations and polls them to their end.

        class Steady(OperationUser):
            wait_time = constant_pacing(2)

            @task
            def one_operation(self):
                self.run_operation()

    Override `payload` and `check_output` for an app other than the sample, and the two paths if its routes differ.
    """

    abstract = True
    start_path = "/api/async_http_api"
    status_path = "/api/status/{id}"
    """Polled with `--status-source app`."""
    service: ServiceDescription | None = None
    """How the service follows the pattern; None for a durable app with the two paths above."""
    operation_type = "load_test"

    def payload(self, token: str) -> Mapping[str, Any]:
        """Return the JSON body of a start; `token` is unique and should come back in the output."""
        duration_s = self._run.options.operation_duration_s.pick_s()
        return {"operation_type": self.operation_type, "duration": duration_s, "data": {"token": token}}

    def check_output(self, sent: Mapping[str, Any], output: Any) -> str | None:
        """Say what is wrong with an operation's output, None if nothing is."""
        return check_echo(sent, output)

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

    def _start(self, count: int) -> list[tuple[Operation, Follower]]:
        run = self._run
        if not run.is_accepting:
            raise StopUser
        return [run.start(self._plan(run)) for _ in range(count)]

    @property
    def _run(self) -> Run:
        return run_of(self.environment)

    def _plan(self, run: Run) -> OperationPlan:
        token, options, service = uuid.uuid4().hex, run.options, self._described(run)
        return OperationPlan(
            token=token,
            start_url=f"{self.host}{service.start.path}",
            payload=self.payload(token),
            polling=poll_strategy(options.poll_strategy, options.poll_interval_s),
            timeout_s=options.operation_timeout_s,
            service=service,
            base_url=self.host or "",
            key_headers={KEY_HEADER: options.function_key} if options.function_key else {},
            check_output=self.check_output,
            scenario=type(self).__name__,
        )

    def _described(self, run: Run) -> ServiceDescription:
        if self.service is not None:
            return self.service
        if run.options.status_source == "app":
            return durable_status_route(self.start_path, self.status_path)
        return durable_webhooks(self.start_path)


def gates_beside_scenarios() -> Path | None:
    """Find the gates.toml in the folder of one of the scenarios that Locust has loaded."""
    folders = dict.fromkeys(Path(inspect.getfile(scenario)).parent for scenario in _subclasses(OperationUser))
    found = (folder / GATES_FILE for folder in folders if (folder / GATES_FILE).is_file())
    return next((Path(os.path.relpath(path)) for path in found), None)


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    subclasses: list[type[Any]] = cls.__subclasses__()
    for subclass in subclasses:
        yield subclass
        yield from _subclasses(subclass)


install(locust.events, gates_beside_scenarios)
