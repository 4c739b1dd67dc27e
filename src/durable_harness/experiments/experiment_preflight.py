"""Before the load of an experiment: how the app starts operations, and one operation as a trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from durable_harness.errors import HarnessError
from durable_harness.experiments.driver import quiet_interrupts
from durable_harness.experiments.offered import OfferedArrival, OfferedLoad
from durable_harness.load.http import Asker
from durable_harness.load.http.client import MAX_ANSWER_BYTES
from durable_harness.load.preflight import App, ask_for_app, chosen_starter, fly, problem_of
from durable_harness.operations import durable_webhooks, key_headers
from durable_harness.operations.description import SAMPLE_START_PATH
from durable_harness.stack import RunningStack


@dataclass(frozen=True, slots=True)
class BeforeLoad:
    """The steps to take. None of them is part of any figure."""

    finds_start: bool = False
    """Whether no option names where operations start, so that the app's own starter is taken."""
    method: str | None = None
    """The method of the start, if it is given."""
    preflight: bool = False
    """Whether one operation shows first that path and payload are right."""
    report: Callable[[str], None] = lambda _: None

    @property
    def has_work(self) -> bool:
        """Whether a running system is needed for it."""
        return self.finds_start or self.preflight

    def prepare(self, load: OfferedLoad, stack: RunningStack) -> OfferedLoad:
        """Return the load with the app's starter in it; raise the error that keeps operations from working."""
        if not self.finds_start:
            self.check(load, stack)
            return load
        with _asker() as asker:
            app = _app(asker, stack)
        if app is not None:
            starter = chosen_starter(app, SAMPLE_START_PATH, self.method)
            self.report(f"operations start by {starter}")
            load = _starting_by(load, starter.path, self.method or starter.method)
        self.check(load, stack)
        return load

    def check(self, load: OfferedLoad, stack: RunningStack) -> None:
        """Make one operation, if that is asked for; raise the error with the reason if it does not end as it should."""
        if not self.preflight:
            return
        with _asker() as asker:
            plan = load.plan(stack.base_url, stack.function_key, OfferedArrival(0.0, load.shortest_s), monotonic())
            problem = problem_of(fly(plan, asker), _app(asker, stack), str(stack.log_path or ""))
        if problem is not None:
            raise problem


def failed_first(error: HarnessError) -> str:
    """Return a preflight's text on one line, for a reason of a report."""
    return " | ".join(line.strip() for line in str(error).splitlines())


def _starting_by(load: OfferedLoad, path: str, method: str) -> OfferedLoad:
    """Return the load of a durable app with another start, and otherwise the same."""
    start, fresh = load.service.start, durable_webhooks(path)
    kept = replace(fresh.start, method=method, headers=start.headers, body=start.body)
    status = replace(fresh.status, headers=load.service.status.headers)
    return replace(load, service=replace(fresh, start=kept, status=status))


def _app(asker: Asker, stack: RunningStack) -> App | None:
    return ask_for_app(asker, stack.base_url, key_headers(stack.function_key))


def _asker() -> Asker:
    quiet_interrupts()
    return Asker(verify_tls=True, max_answer_bytes=MAX_ANSWER_BYTES)
