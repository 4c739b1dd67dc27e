"""One operation as a state machine without input or output: it is fed answers, and plans when to poll which URL.

    operation.sent(now)
    ... send plan.start_request() ...
    operation.start_answered(answer, now)
    while operation.next_poll is not None:
        ... wait until operation.next_poll, GET operation.status_url with operation.poll_headers ...
        operation.poll_answered(answer, now)
    operation.teach()

Moments are seconds of `time.monotonic()`. The driver owns sockets, sleeping and threads, and follows no
redirect: the service's description decides what one means, and the operation plans a poll of its Location at once.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import quote

from durable_harness.network.redirects import MAX_REDIRECTS, REDIRECTS, is_same_origin
from durable_harness.operations.description import at_pointer
from durable_harness.operations.excerpts import both_ends, excerpt
from durable_harness.operations.http_messages import UNKNOWN_STATUSES, HttpResponse, NoResponse, Request
from durable_harness.operations.operation_plan import OperationPlan
from durable_harness.operations.operation_record import SERVICE_CLOCK, OperationRecord, OperationState
from durable_harness.operations.wire import (
    OperationStatus,
    Phase,
    UnreadableAnswerError,
    joined_url,
    location_of,
    output_of,
    read_accepted,
    read_retry_after_s,
    read_status,
)
from durable_harness.platforms.clocks import monotonic
from durable_harness.wording.foreign_text import shown

MOST_WORD_CHARS = 60
"""Of a state in the service's own words: it is a word, unless the description names the wrong place."""
UNREADABLE_STATUS = "status cannot be read"
"""What the reason of an operation begins with whose status is not as its service's description has it."""
NO_HEADERS: Mapping[str, str] = {}
WRONG_ROUTE_STATUSES = frozenset({404, 405})
NO_SUCH_ROUTE = (
    "is that the route that starts it? It is named by --start-path, by a scenario's start_path, or by [start] path for "
    "--service"
)

logger = logging.getLogger(__name__)


class Operation:
    """Follows one operation; its `record` is always up to date, and closed once `record.state.has_ended`.

        operation = Operation(plan)
        operation.sent(time.monotonic())
        operation.start_answered(send(plan.start_request()), time.monotonic())

    The module's docstring has the whole loop of a driver. Each `now` is the current moment in seconds of
    `time.monotonic()`.
    """

    def __init__(self, plan: OperationPlan) -> None:
        self.plan = plan
        self.status_url: str | None = None
        self.first_status_url: str | None = None
        """The status URL of the start's answer; `status_url` may move."""
        self.poll_headers: Mapping[str, str] = NO_HEADERS
        self.next_poll: float | None = None
        self.terminate_url: str | None = None
        """Where to end it before its time; None until it is accepted, and if the service cannot do that."""
        self.event_url: str | None = None
        """Where to raise an event for it, likewise."""
        self._when_accepted: tuple[Callable[[Operation], None], ...] = ()
        self.record = OperationRecord(
            token=plan.token,
            intended=plan.intended,
            epoch_offset_s=time.time() - monotonic(),
            scenario=plan.scenario,
            workload=plan.workload,
            trace_id=plan.trace_id,
        )
        self._own_route = False
        self._redirects = 0
        self._status: OperationStatus | None = None
        self._late_s = 0.0

    def sent(self, now: float) -> None:
        """Note that the start is about to be sent.

        Args:
            now: the moment just before, in seconds of `time.monotonic()`.
        """
        self.record.sent = now

    def start_answered(self, answer: HttpResponse | NoResponse, now: float) -> None:
        """Take the answer to the start, and plan the first poll if it accepted the operation.

        Args:
            answer: the answer, or the reason why there is none.
            now: the moment at which it was received whole, in seconds of `time.monotonic()`.
        """
        if isinstance(answer, NoResponse):
            self._start_unanswered(answer, now)
            return
        self.record.bytes_received += len(answer.body)
        try:
            accepted = read_accepted(answer, self.plan.service, self.plan.start_url, self.plan.base_url)
        except UnreadableAnswerError as error:
            self._end(now, OperationState.REFUSED, self._refusal(answer, str(error)))
            return
        self.record.accepted, self.record.instance_id = now, accepted.instance_id
        self.record.state = OperationState.IN_FLIGHT
        self.terminate_url, self.event_url = accepted.terminate_url, accepted.event_url
        self._own_route = accepted.is_own_route
        self.record.last_pending = now
        self.first_status_url = accepted.status_url
        self._go_to(accepted.status_url)
        self._plan_poll(accepted.retry_after_s, now)

    def poll_sent(self, now: float) -> None:
        """Note that a poll is about to be sent: a strategy may catch up with one that is late.

        Args:
            now: the moment just before, in seconds of `time.monotonic()`.
        """
        self._late_s = now - (self.next_poll or now)

    def poll_answered(self, answer: HttpResponse | NoResponse, now: float) -> str | None:
        """Take the answer to a poll, and plan the next one unless the operation has ended.

        Args:
            answer: the answer, or the reason why there is none.
            now: the moment at which it was received whole, in seconds of `time.monotonic()`.

        Returns:
            Why the answer was of no use; None if it was a proper one.
        """
        self.record.polls += 1
        if isinstance(answer, NoResponse):
            return self._poll_again(f"no answer: {answer.reason}", None, now)
        self.record.bytes_received += len(answer.body)
        try:
            self._read(answer, now)
        except UnreadableAnswerError as error:
            return self._unreadable(answer, str(error), now)
        return None

    def terminate_request(self, reason: str) -> Request | None:
        """Return the request that ends it before its time; None if it has ended, or cannot be ended.

        From then on being terminated is the end that was asked for, and no failure.

        Args:
            reason: sent as the service's description says; a durable app has it as the output.
        """
        terminate = self.plan.service.terminate
        if terminate is None or self.terminate_url is None or self.record.state.has_ended:
            return None
        self.record.terminate_requested = True
        url = self.terminate_url.replace("{text}", quote(reason, safe=""))
        return Request(terminate.method, url, self._headers_for(url))

    def event_request(self, name: str, data: object) -> Request | None:
        """Return the request that raises an event for it; None if it has ended, or takes no events.

        Args:
            name: the name of the event.
            data: its data, which is sent as JSON.
        """
        event = self.plan.service.event
        if event is None or self.event_url is None or self.record.state.has_ended:
            return None
        url = self.event_url.replace("{eventName}", quote(name, safe=""))
        headers = {"Content-Type": "application/json", **self._headers_for(url)}
        return Request(event.method, url, headers, json.dumps(data).encode())

    def when_accepted(self, act: Callable[[Operation], None]) -> None:
        """Call a function once the operation is accepted: now if it has been, never if it is refused.

        Args:
            act: is called with this operation.
        """
        if self.record.accepted is not None:
            act(self)
        elif not self.record.state.has_ended:
            self._when_accepted = (*self._when_accepted, act)

    def take_waiting(self) -> tuple[Callable[[Operation], None], ...]:
        """Return what waits for the acceptance, for the driver to call, and forget it."""
        waiting, self._when_accepted = self._when_accepted, ()
        return waiting

    def teach(self) -> None:
        """Pass the time of its end on to the poll strategy, if it completed. Call once, when no more will be known."""
        record = self.record
        if record.state is not OperationState.COMPLETED:
            return
        if record.accepted is None or record.seen is None or record.last_pending is None:
            return
        finished_epoch_s = record.finished_epoch_s
        self.plan.polling.learn(
            after_s=record.last_pending - record.accepted,
            by_s=record.seen - record.accepted,
            finished_s=None if finished_epoch_s is None else finished_epoch_s - record.epoch_s(record.accepted),
        )

    @property
    def status_headers(self) -> Mapping[str, str]:
        """The headers of a request for a status at the origin where operations are started."""
        return self._headers_for(self.plan.start_url)

    @property
    def deadline(self) -> float:
        """The moment after which it counts as timed out, unless its end was seen by then."""
        record = self.record
        return (record.intended if record.sent is None else record.sent) + self.plan.timeout_s

    def give_up(self, now: float, reason: str) -> None:
        """Close the record of an operation that is no longer followed; nothing happens if it has ended.

        Args:
            now: the current moment, in seconds of `time.monotonic()`.
            reason: why it is not followed, for the report.
        """
        if not self.record.state.has_ended:
            self._end(now, OperationState.TIMED_OUT, f"timed out: {reason}")

    def break_off(self, now: float, error: Exception) -> None:
        """Close the record of an operation at which the code itself failed, which is no reason to lose the others.

        Args:
            now: the current moment, in seconds of `time.monotonic()`.
            error: what was raised.
        """
        if not self.record.state.has_ended:
            self._end(now, OperationState.FAILED, f"its answer could not be read: {_described(error)}")

    def _refusal(self, answer: HttpResponse, problem: str) -> str:
        path = self.plan.start_route
        remedy = f"; {NO_SUCH_ROUTE}" if answer.status in WRONG_ROUTE_STATUSES else ""
        return f"start refused: {self.plan.service.start.method} {path} answered {problem}{remedy}"

    def _start_unanswered(self, answer: NoResponse, now: float) -> None:
        if now >= self.deadline:
            self.give_up(now, f"start not answered after {self.plan.timeout_s:g} s")
        else:
            self._end(now, OperationState.UNREACHABLE, f"start got no answer: {answer.reason}")

    def _read(self, answer: HttpResponse, now: float) -> None:
        if self._status is not None:
            self._read_result(self._status, answer, now)
            return
        description = self.plan.service.status
        if answer.status in description.pending and self.record.first_running is not None:
            self._not_yet(answer, now)  # The code is enough; most polls of a run are spared the parsing.
            return
        if answer.status in REDIRECTS - description.result:
            self._follow_redirect(answer, now)
            return
        if answer.status in UNKNOWN_STATUSES:
            self._end(now, OperationState.LOST, f"lost: accepted, then {answer.status} on its status")
            return
        self._note(read_status(answer, description, self.status_url or ""), answer, now)

    def _note(self, status: OperationStatus, answer: HttpResponse, now: float) -> None:
        record = self.record
        record.server_created_epoch_s = status.created_epoch_s or record.server_created_epoch_s
        if record.first_running is None and status.phase not in (Phase.ACTIVE, Phase.NOT_BEGUN):
            record.first_running = now
        if not status.phase.is_terminal:
            self._not_yet(answer, now)
            return
        record.seen = now
        record.server_running_epoch_s = status.running_epoch_s
        record.server_updated_epoch_s = status.updated_epoch_s
        record.server_update_is_coarse = status.update_is_coarse
        times = (record.server_created_epoch_s, status.running_epoch_s, status.updated_epoch_s)
        record.server_clock = SERVICE_CLOCK if any(times) else ""
        if status.result_url is None:
            self._finish(status, status.output, now)
            return
        self._status = status
        self._go_to(status.result_url)
        self.next_poll = now

    def _not_yet(self, answer: HttpResponse, now: float) -> None:
        self._redirects, self.record.last_pending = 0, now
        if not self.plan.service.status.fixed_url and "location" in answer.headers:
            self._go_to(joined_url(answer.url or self.status_url or "", answer.headers["location"]))
        self._plan_poll(read_retry_after_s(answer.headers), now)

    def _follow_redirect(self, answer: HttpResponse, now: float) -> None:
        self._redirects += 1
        if self._redirects > MAX_REDIRECTS:
            raise UnreadableAnswerError(f"{self._redirects} redirects in a row")
        self._go_to(location_of(answer, self.status_url or ""))
        self.next_poll = now

    def _read_result(self, status: OperationStatus, answer: HttpResponse, now: float) -> None:
        """Read the answer of the resource that the terminal status led to."""
        if answer.status in REDIRECTS:
            self._follow_redirect(answer, now)
        elif answer.is_success:
            self._finish(status, output_of(answer), now)
        else:
            raise UnreadableAnswerError(f"result: {answer.status} {excerpt(answer.body)}".strip())

    def _finish(self, status: OperationStatus, output: object, now: float) -> None:
        self._end(now, *self._verdict(status, output))

    def _verdict(self, status: OperationStatus, output: object) -> tuple[OperationState, str | None]:
        if status.phase is Phase.TERMINATED and self.record.terminate_requested:
            return OperationState.TERMINATED, None
        if status.phase is not Phase.SUCCEEDED:
            detail = both_ends(output) if isinstance(output, str) else ""
            word = shown(status.word, MOST_WORD_CHARS)
            return OperationState.FAILED, f"operation {word}" + (f": {detail}" if detail else "")
        try:
            # Checks take the payload as an object, which nearly all are; one that is not is what its author sends.
            sent = cast("Mapping[str, object]", self.plan.payload)
            problem = self._wrong_token(output) or self.plan.check_output(sent, output)
        except Exception as error:  # A check is the user's code; its failure must not end the run.
            problem = f"the output check raised {_described(error)}"
            logger.debug("The output check raised for operation %s", self.plan.token, exc_info=error)
        return (
            (OperationState.WRONG_OUTPUT, f"wrong output: {problem}") if problem else (OperationState.COMPLETED, None)
        )

    def _wrong_token(self, output: object) -> str | None:
        place = self.plan.service.status.token
        if place is None or at_pointer(output, place) == self.plan.token:
            return None
        return f"the start's token is not at '{place}'"

    def _go_to(self, url: str) -> None:
        if url != self.status_url:
            self.status_url, self.poll_headers = url, self._headers_for(url)

    def _headers_for(self, url: str) -> Mapping[str, str]:
        """Return the headers of a request to a URL, which the server may have given: only its own origin gets them."""
        if not is_same_origin(url, self.plan.start_url):
            return NO_HEADERS
        headers = self.plan.service.status.headers
        return {**headers, **self.plan.key_headers} if self._own_route else headers

    def _unreadable(self, answer: HttpResponse, problem: str, now: float) -> str:
        """Try again where a client would (the server is busy or broken); end where asking again is of no use."""
        if answer.is_passing:
            return self._poll_again(problem, read_retry_after_s(answer.headers), now)
        self.record.failed_polls += 1
        self._end(now, OperationState.FAILED, f"{UNREADABLE_STATUS}: {problem}")
        return problem

    def _poll_again(self, problem: str, retry_after_s: float | None, now: float) -> str:
        self.record.failed_polls += 1
        self._plan_poll(retry_after_s, now, problem)
        return problem

    def _plan_poll(self, retry_after_s: float | None, now: float, problem: str | None = None) -> None:
        """Plan the next poll, the last one at the deadline itself; time out once that has been answered."""
        if now >= self.deadline:
            reason = f"not terminal after {self.plan.timeout_s:g} s"
            self.give_up(now, reason if problem is None else f"{reason}; last poll: {problem}")
            return
        elapsed_s = now - (self.record.accepted or now)
        plan, polls = self.plan, self.record.polls
        delay_s = plan.polling.delay_s(polls, retry_after_s, elapsed_s, self._late_s, plan.poll_phase)
        self.next_poll = min(now + delay_s, self.deadline)

    def _end(self, now: float, state: OperationState, error: str | None) -> None:
        self.next_poll = None
        self.record.ended, self.record.state = now, state
        # The text may come from a service or from a check of outputs.
        self.record.error = None if error is None else shown(error)


def _described(error: Exception) -> str:
    """Return what a user's check raised: type, message and place, which is the last line in the check's own file."""
    message = both_ends(str(error))
    lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)][1:]
    own = [(file, line) for file, line in lines if file == lines[0][0]]
    place = f" at {Path(own[-1][0]).name}:{own[-1][1]}" if own else ""
    return f"{type(error).__name__}{': ' if message else ''}{message}{place}"
