"""One operation before the load: if it does not work, the command ends here with the reason and the remedy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import gevent

from durable_harness.errors import HarnessError, UnreachableError, UsageError
from durable_harness.load.audit import OperationUrls
from durable_harness.load.audit.explaining import OperationToExplain, Service, all_read
from durable_harness.load.http import Asker
from durable_harness.load.options.target import public_url
from durable_harness.load.preflight.host_log import logged_failure
from durable_harness.load.preflight.starters import App
from durable_harness.operations import (
    HttpResponse,
    NoResponse,
    Operation,
    OperationPlan,
    OperationRecord,
    OperationState,
)
from durable_harness.operations.excerpts import excerpt, excerpt_of_text, redact_keys
from durable_harness.operations.http_messages import SERVER_ERROR
from durable_harness.operations.operation import UNREADABLE_STATUS
from durable_harness.platforms.clocks import monotonic
from durable_harness.why.segments import Part
from durable_harness.why.waiting import cause_lines
from durable_harness.why.waits import Wait
from durable_harness.wording.foreign_text import shown

GATEWAY_CODES = frozenset({502, 503, 504})
"""The statuses of a proxy whose system behind it does not answer."""
LEAST_REQUEST_S = 1.0
EXPLAINING_S = 5.0
"""The time to ask what a timed-out operation waits for: the message must not come much later."""
NO_PREFLIGHT = "--no-preflight leaves this first operation out."
ENDED = {
    OperationState.REFUSED: "was refused",
    OperationState.UNREACHABLE: "got no answer",
    OperationState.TIMED_OUT: "did not end",
    OperationState.FAILED: "failed",
    OperationState.WRONG_OUTPUT: "had a wrong output",
    OperationState.LOST: "was accepted, and is not known",
    OperationState.TERMINATED: "was terminated",
}


@dataclass(frozen=True, slots=True)
class Flight:
    """An operation that was followed to its end, and the last request of it with what came back."""

    plan: OperationPlan
    record: OperationRecord
    method: str
    url: str
    answer: HttpResponse | NoResponse
    waits: tuple[Wait, ...] = field(default=())
    """What it waits for if it did not end in time; empty if that is not known."""

    @property
    def waiting(self) -> str:
        """Return what it waits for; empty if that is not known."""
        lines = "; ".join(map(shown, cause_lines(self.waits)))
        return f"it waits for {lines}" if lines else ""

    @property
    def is_fine(self) -> bool:
        """Whether it works: it ended well, or it is in progress and its status was read."""
        return self.record.state in (OperationState.COMPLETED, OperationState.TERMINATED, OperationState.IN_FLIGHT)


def fly(plan: OperationPlan, asker: Asker, *, waits: bool = True) -> Flight:
    """Start one operation and follow it to its end, or only until its status was read; then it is terminated."""
    operation = Operation(plan)
    start = plan.start_request()
    operation.sent(monotonic())
    method, url = start.method, start.url
    answer = asker.ask(start, _left_s(operation), follows_redirects=True)
    operation.start_answered(answer, monotonic())
    if plan.raises is not None and (event := operation.event_request(*plan.raises)) is not None:
        asker.ask(event, _left_s(operation))
    while operation.next_poll is not None and (waits or not operation.record.polls):
        gevent.sleep(max(0.0, operation.next_poll - monotonic()))
        method, url = "GET", operation.status_url or ""
        answer = asker.get(url, operation.poll_headers, _left_s(operation))
        operation.poll_answered(answer, monotonic())
    if (request := operation.terminate_request("preflight")) is not None:
        asker.ask(request, LEAST_REQUEST_S)
    return Flight(plan, operation.record, method, url, answer, _waits_of(operation, asker))


def _waits_of(operation: Operation, asker: Asker) -> tuple[Wait, ...]:
    """Return what an operation that did not end waits for, according to its host or its history."""
    record, where = operation.record, OperationUrls.of(operation)
    if record.state is not OperationState.TIMED_OUT or where is None or record.instance_id is None:
        return ()
    wanted = OperationToExplain(record.scenario, record.instance_id)
    services = {record.scenario: Service(asker, where, iter(range(1)))}
    explained = all_read(services, [wanted], EXPLAINING_S).get(wanted)
    return () if explained is None else explained.waits


def _left_s(operation: Operation) -> float:
    return max(operation.deadline - monotonic(), LEAST_REQUEST_S)


def problem_of(flight: Flight, app: App | None, log: str = "") -> HarnessError | None:
    """Return the error: what was sent and answered, what the app has, what to set; None if the operation works."""
    if flight.is_fine:
        return None
    record = flight.record
    within = f" within {flight.plan.timeout_s:g} s" if record.state is OperationState.TIMED_OUT else ""
    lines = [
        f"the first operation {ENDED.get(record.state, record.state)}{within}, so no load was made:",
        f"{flight.method} {redact_keys(public_url(flight.url)).partition('?')[0]} {_answered(flight.answer)}",
        *_details(flight, log),
        *(app.describe() if app is not None and record.state is OperationState.REFUSED else ()),
        *_remedies(flight),
        *([f"The host's log: {log}"] if log else ()),
        NO_PREFLIGHT,
    ]
    kind = UnreachableError if _is_unreachable(flight) else UsageError
    return kind("\n  ".join(lines))


def _is_unreachable(flight: Flight) -> bool:
    answer = flight.answer
    if flight.record.state is OperationState.UNREACHABLE or isinstance(answer, NoResponse):
        return True
    return flight.record.state is OperationState.REFUSED and answer.status in GATEWAY_CODES


def _answered(answer: HttpResponse | NoResponse) -> str:
    if isinstance(answer, NoResponse):
        return f"got no answer: {answer.reason}"
    return f"answered {answer.status}: {excerpt(answer.body) or '(no body)'}"


def _details(flight: Flight, log: str) -> list[str]:
    """Return what was sent, and why the operation is not fine if the answer alone does not show it."""
    record = flight.record
    if record.state is OperationState.UNREACHABLE:
        return []
    sent = f"Sent: {excerpt_of_text(json.dumps(flight.plan.payload))}"
    why = "" if record.state is OperationState.REFUSED and not _is_accepted(flight) else record.error or ""
    failure = logged_failure(log) if _is_server_error(flight.answer) else ""
    return [
        sent,
        *([f"Why: {shown(why)}"] if why else ()),
        *([f"Why: {flight.waiting}"] if flight.waiting else ()),
        *([f"The host logged: {failure}"] if failure else ()),
    ]


def _is_server_error(answer: HttpResponse | NoResponse) -> bool:
    return isinstance(answer, HttpResponse) and answer.status >= SERVER_ERROR


def _is_accepted(flight: Flight) -> bool:
    """Whether a start that does not count as accepted was answered with a success."""
    return isinstance(flight.answer, HttpResponse) and flight.answer.is_success


def _remedies(flight: Flight) -> list[str]:
    state, answer = flight.record.state, flight.answer
    if isinstance(answer, NoResponse):
        return ["Is the app running there? Without --host the app in a folder is run here: --app FOLDER."]
    if state is OperationState.REFUSED:
        return [ACCEPTED.format(answer.status) if answer.is_success else OF_REFUSALS.get(answer.status, OF_ANY_REFUSAL)]
    if any(wait.part is Part.EVENT for wait in flight.waits):
        return [OF_EVENTS]
    if (flight.record.error or "").startswith(UNREADABLE_STATUS):
        return [OF_UNREADABLE]
    return [REMEDIES.get(state, OF_ANY_END)]


_PATH = "Set --start-path to the path that starts operations, and --start-method if it is not POST."
_KEY = "Set --function-key, or --headers 'Authorization: …'."
_INPUT = "Set what is sent with --payload (JSON, or @FILE with it), and with --headers."
OF_REFUSALS = {404: _PATH, 405: _PATH, 401: _KEY, 403: _KEY, 400: _INPUT, 415: _INPUT, 422: _INPUT}
OF_ANY_REFUSAL = "Set --start-path, --payload or --headers to what the app takes."
ACCEPTED = (
    "A start is accepted with 202 and a place to poll. Another service can be described: --service FILE with "
    "[start] accepted = [{}] and status_url."
)
OF_EVENTS = (
    "Raise the event with --raise-event NAME=JSON; or, in `load`, with a scenario of yours: `on_accepted` with "
    "`raise_event_later` (docs/how-to/scenarios.md). `ab` and `capacity` run no scenarios."
)
OF_UNREADABLE = "Say how the service's status is read: [status] in the file for --service (docs/how-to/services.md)."
REMEDIES = {
    OperationState.TIMED_OUT: (
        f"Set --operation-timeout higher if it may take longer. Does it wait for an event? {OF_EVENTS} Or choose "
        "another start with --start-path."
    ),
    OperationState.WRONG_OUTPUT: "Override check_output in a scenario of yours, or name [status] token for --service.",
    OperationState.LOST: "Its status is requested where the start's answer says; name another place with --service.",
}
OF_ANY_END = "Set what it is to work on with --payload (JSON, or @FILE with it), or choose another --start-path."
