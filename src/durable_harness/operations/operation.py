"""One operation as a state machine without input or output: tell it what came, it says when to poll where.

    operation.sent(now)
    operation.start_answered(answer, now)
    while operation.next_poll is not None:
        ... wait until operation.next_poll, GET operation.status_url ...
        operation.poll_answered(answer, now)

Moments are seconds of `time.monotonic()`. Whoever drives it owns sockets, sleeping and threads.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from durable_harness.operations.checks import OutputCheck, accept_any_output
from durable_harness.operations.polling import PollStrategy
from durable_harness.operations.record import OperationRecord, OperationState, Workload
from durable_harness.operations.wire import (
    ACCEPTED,
    NOT_BEGUN,
    NOT_FOUND,
    RETRIED_STATUSES,
    SERVER_ERROR,
    SUCCEEDED,
    Answer,
    NoAnswer,
    Status,
    UnreadableAnswerError,
    excerpt,
    read_accepted,
    read_retry_after_s,
    read_status,
)


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """What to start and how to follow it."""

    token: str
    """Unique in the run; part of the payload's data."""
    start_url: str
    payload: Mapping[str, Any]
    polling: PollStrategy
    timeout_s: float
    """Seconds from sending the POST after which nobody waits for the end any longer."""
    status_template: str | None = None
    """URL of the app's own status route with `{instance_id}` in it; None follows the URL that the server gives."""
    check_output: OutputCheck = accept_any_output
    intended: float = field(default_factory=time.monotonic)
    scenario: str = ""
    workload: Workload = Workload.CLOSED


class Operation:
    """Follows one operation; its `record` is always up to date, and closed once `record.state.has_ended`."""

    def __init__(self, plan: OperationPlan) -> None:
        self.plan = plan
        self.status_url: str | None = None
        self.next_poll: float | None = None
        self.record = OperationRecord(
            token=plan.token,
            intended=plan.intended,
            epoch_offset_s=time.time() - time.monotonic(),
            scenario=plan.scenario,
            workload=plan.workload,
        )

    def sent(self, now: float) -> None:
        """Say that the POST is about to leave."""
        self.record.sent = now

    def start_answered(self, answer: Answer | NoAnswer, now: float) -> None:
        """Say what came back for the POST."""
        if isinstance(answer, NoAnswer):
            self._start_unanswered(answer, now)
            return
        self.record.bytes_received += len(answer.body)
        try:
            accepted = read_accepted(answer, self.plan.start_url, self.plan.status_template)
        except UnreadableAnswerError as error:
            self._end(now, OperationState.REFUSED, f"start refused: {error}")
            return
        self.record.accepted, self.record.instance_id = now, accepted.instance_id
        self.record.state = OperationState.IN_FLIGHT
        self.status_url = accepted.status_url
        self._plan_poll(accepted.retry_after_s, now)

    def poll_answered(self, answer: Answer | NoAnswer, now: float) -> str | None:
        """Say what came back for a poll; return why it was no use, None if it was a proper answer."""
        self.record.polls += 1
        if isinstance(answer, NoAnswer):
            return self._poll_again(f"no answer: {answer.reason}", None, now)
        self.record.bytes_received += len(answer.body)
        if answer.status == NOT_FOUND:
            self._end(now, OperationState.LOST, "lost: accepted, then 404 on its status")
            return None
        try:
            status = read_status(answer)
        except UnreadableAnswerError as error:
            return self._unreadable(answer, str(error), now)
        self._read(status, answer, now)
        return None

    @property
    def deadline(self) -> float:
        """The moment after which it counts as timed out, unless its end was seen by then."""
        record = self.record
        return (record.intended if record.sent is None else record.sent) + self.plan.timeout_s

    def give_up(self, now: float, reason: str) -> None:
        """Close the record of an operation that nobody will follow any longer; nothing happens if it has ended."""
        if not self.record.state.has_ended:
            self._end(now, OperationState.TIMED_OUT, f"timed out: {reason}")

    def _start_unanswered(self, answer: NoAnswer, now: float) -> None:
        if now >= self.deadline:
            self.give_up(now, f"start not answered after {self.plan.timeout_s:g} s")
        else:
            self._end(now, OperationState.UNREACHABLE, f"start got no answer: {answer.reason}")

    def _read(self, status: Status, answer: Answer, now: float) -> None:
        record = self.record
        record.server_created_epoch_s = status.created_epoch_s
        if record.first_running is None and status.runtime_status != NOT_BEGUN:
            record.first_running = now
        if status.is_terminal:
            record.seen = now
            record.server_running_epoch_s = status.running_epoch_s
            record.server_updated_epoch_s = status.updated_epoch_s
            record.server_update_is_coarse = status.update_is_coarse
            self._end(now, *self._verdict(status))
            return
        if self.plan.status_template is None and answer.status == ACCEPTED and "location" in answer.headers:
            self.status_url = urljoin(self.status_url or "", answer.headers["location"])
        self._plan_poll(read_retry_after_s(answer.headers), now)

    def _verdict(self, status: Status) -> tuple[OperationState, str | None]:
        if status.runtime_status != SUCCEEDED:
            told = excerpt(status.output.encode()) if isinstance(status.output, str) else ""
            return OperationState.FAILED, f"orchestration {status.runtime_status}" + (f": {told}" if told else "")
        try:
            problem = self.plan.check_output(self.plan.payload, status.output)
        except Exception as error:  # noqa: BLE001 - a check is the user's code; its failure must not end the run
            problem = f"the output check raised {type(error).__name__}"
        return (
            (OperationState.WRONG_OUTPUT, f"wrong output: {problem}") if problem else (OperationState.COMPLETED, None)
        )

    def _unreadable(self, answer: Answer, problem: str, now: float) -> str:
        """Try again where a client would (the server is busy or broken); end where asking again is of no use."""
        if answer.status in RETRIED_STATUSES or answer.status >= SERVER_ERROR:
            return self._poll_again(problem, read_retry_after_s(answer.headers), now)
        self.record.failed_polls += 1
        self._end(now, OperationState.FAILED, f"status cannot be read: {problem}")
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
        self.next_poll = min(now + self.plan.polling.delay_s(self.record.polls, retry_after_s), self.deadline)

    def _end(self, now: float, state: OperationState, error: str | None) -> None:
        self.next_poll = None
        self.record.ended, self.record.state, self.record.error = now, state, error
