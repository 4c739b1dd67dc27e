"""The record of one operation: its moments, what the server reported, what it cost, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

SCHEDULER_CLOCK, SERVICE_CLOCK, HISTORY_CLOCK = "scheduler", "service", "history"
"""Where the server's times of an operation come from: asked of a host of this package, read from the status, or read
from the history after the run."""


class OperationState(StrEnum):
    """The current or last state of an operation; the value is the word that reports show."""

    STARTING = "starting"
    """The POST has not been answered yet."""
    IN_FLIGHT = "in flight"
    """Accepted, followed by polls."""
    COMPLETED = "completed"
    """Ended well, with the right output."""
    TERMINATED = "terminated"
    """Ended before its time because the scenario asked for that: no failure, and no completion either."""
    FAILED = "failed"
    """It failed, was terminated or cancelled unasked, or its status cannot be read."""
    WRONG_OUTPUT = "wrong output"
    """It completed, but the output is not what was asked for."""
    TIMED_OUT = "timed out"
    """Its end was not seen in the time that it, or the whole run, was allowed."""
    LOST = "lost"
    """Accepted, and then unknown to the server (404)."""
    REFUSED = "refused"
    """The start was answered, but not with 202 and a place to poll."""
    UNREACHABLE = "unreachable"
    """The start got no answer at all."""

    @property
    def has_ended(self) -> bool:
        """Whether it is the last state of an operation."""
        return self not in (OperationState.STARTING, OperationState.IN_FLIGHT)


class OperationPhase(StrEnum):
    """The part of the run that an operation belongs to, by the moment it was intended; only one part is measured."""

    WARM_UP = "warm-up"
    """Intended before the warm-up was over: recorded, but in no figure."""
    MEASURED = "measured"
    DRAIN = "drain"
    """Intended after the run had stopped offering load: recorded, but in no figure."""


class Workload(StrEnum):
    """What decides when operations start, and so which moment their completion counts from."""

    OPEN = "open"
    """An arrival process that does not wait for completions: completion counts from the intended start."""
    CLOSED = "closed"
    """Users that wait for their operations: completion counts from sending the start."""


@dataclass(slots=True)
class OperationRecord:
    """One operation, from the wish to start it until its end.

    The moments `intended` to `ended` are seconds of `time.monotonic()` in the generator's process and None until they
    happen; add `epoch_offset_s` to get seconds since the epoch. The server's times are seconds since the epoch.
    """

    token: str
    """What makes this operation's input, and so its output, unique."""
    intended: float
    """When the scenario wanted it to start."""
    epoch_offset_s: float
    """`time.time() - monotonic()`, read when the operation was made."""
    sent: float | None = None
    """Just before the POST is handed to the HTTP client: connecting, if needed, is part of the wait."""
    accepted: float | None = None
    """The 202 was received whole."""
    first_running: float | None = None
    """The first poll that showed that work had started, received whole."""
    last_pending: float | None = None
    """The last answer that showed that it had not ended yet, received whole; the acceptance at first."""
    seen: float | None = None
    """The first poll that showed that it had ended, received whole."""
    ended: float | None = None
    """When the record was closed, for any reason."""
    poll_due: float | None = None
    """When the last poll was planned."""
    poll_sent: float | None = None
    """When the last poll left."""
    start_pool_ms: float = 0.0
    """The part of its slip that was spent waiting for one of the allowed connections."""
    start_connect_ms: float = 0.0
    """The part of its slip that was spent connecting."""
    start_at_host: str = ""
    """The start's times as a host of this package reports them, see `host_times`; empty if it does not."""
    poll_at_host: str = ""
    """The same of the last poll."""
    server_created_epoch_s: float | None = None
    server_running_epoch_s: float | None = None
    """When work began at the server, if the server reports it."""
    server_updated_epoch_s: float | None = None
    """When the server had ended the operation."""
    server_update_is_coarse: bool = False
    """True if `server_updated_epoch_s` is known in whole seconds only, so up to a second too early."""
    server_clock: str = ""
    """Where the server's times come from: SCHEDULER_CLOCK, SERVICE_CLOCK or HISTORY_CLOCK; empty if there are none."""
    actions: Mapping[str, int] | None = None
    """Messages dispatched to the app for it, by kind; None if they cannot be known exactly."""
    replayed_events: int | None = None
    """History events that the app was given again, summed over all turns; None if not known."""
    payload_bytes: int | None = None
    """Bytes of the inputs and results that were sent for it; None if not known."""
    instance_id: str | None = None
    polls: int = 0
    failed_polls: int = 0
    """Polls without a usable answer: no connection, 429, 5xx, or one that cannot be read. They are part of `polls`."""
    poll_ms: float = 0.0
    """Time spent in polls, summed: sending each until its answer was there."""
    bytes_received: int = 0
    """Bodies of the start's and the polls' answers."""
    state: OperationState = OperationState.STARTING
    terminate_requested: bool = False
    """Whether the scenario asked for its end before its time."""
    error: str | None = None
    """Why it did not complete, in words that are the same for all operations that share the reason."""
    scenario: str = ""
    """Name of the user class that wanted it."""
    trace_id: str = ""
    """The id of its start in the service's traces; empty if it carried none."""
    workload: Workload = Workload.CLOSED
    phase: OperationPhase = OperationPhase.MEASURED

    @property
    def start_ms(self) -> float | None:
        """Sent to accepted: the API's promise to answer at once."""
        return _elapsed_ms(self.sent, self.accepted)

    @property
    def counted_from(self) -> float | None:
        """Where completion counts from: the intended start of an open workload, the sent start of a closed one."""
        return self.intended if self.workload is Workload.OPEN else self.sent

    @property
    def slip_ms(self) -> float | None:
        """Intended to sent: how late the generator was."""
        return _elapsed_ms(self.intended, self.sent)

    @property
    def completion_ms(self) -> float | None:
        """How long the caller waited for the end to be seen, `counted_from` on; None if it was not seen."""
        return _elapsed_ms(self.counted_from, self.seen)

    @property
    def elapsed_ms(self) -> float | None:
        """Until the record was closed: a lower bound of the completion time of an operation that timed out."""
        return _elapsed_ms(self.counted_from, self.ended)

    @property
    def finished_epoch_s(self) -> float | None:
        """When the server had ended it; None if that is not known, or in whole seconds only."""
        return None if self.server_update_is_coarse else self.server_updated_epoch_s

    @property
    def finish_ms(self) -> float | None:
        """How long the server took to end it, `counted_from` on: completion without the polls.

        It goes from the clock here to the server's. None if the end is not known, or in whole seconds only.
        """
        if self.counted_from is None or self.finished_epoch_s is None:
            return None
        return (self.finished_epoch_s - self.epoch_s(self.counted_from)) * 1000

    @property
    def detection_lag_ms(self) -> float | None:
        """Finished at the server to seen here: the price of polling. Below zero if the two clocks differ.

        None if the end is known in whole seconds only: the lag would be off by up to a second.
        """
        if self.seen is None or self.finished_epoch_s is None:
            return None
        return (self.epoch_s(self.seen) - self.finished_epoch_s) * 1000

    @property
    def queueing_ms(self) -> float | None:
        """Created until work began, by the server's clock; None if the server does not give when work began.

        Where it gives the creation in whole seconds only, the acceptance stands for it, by the clock here.
        """
        created = self._fine_created_epoch_s
        return self._wait_ms if created is None else _elapsed_ms(created, self.server_running_epoch_s)

    @property
    def _fine_created_epoch_s(self) -> float | None:
        created = self.server_created_epoch_s
        if created is None or (created == int(created) and self.server_clock != SCHEDULER_CLOCK):
            return None
        return created

    @property
    def _wait_ms(self) -> float | None:
        """Accepted until work began at the server. Below zero if it began before its 202 arrived here."""
        if self.accepted is None:
            return None
        return _elapsed_ms(self.epoch_s(self.accepted), self.server_running_epoch_s)

    @property
    def execution_ms(self) -> float | None:
        """Until the server finished, by its own clock; None if it does not report that, or in whole seconds only."""
        if self.server_running_epoch_s is None or self.finished_epoch_s is None:
            return None
        return (self.finished_epoch_s - self.server_running_epoch_s) * 1000

    @property
    def server_completion_ms(self) -> float | None:
        """Created to finished by the server's clock, free of polling; None if it reports one in whole seconds only."""
        return _elapsed_ms(self._fine_created_epoch_s, self.finished_epoch_s)

    def split_ms(self) -> tuple[float, float, float, float, float] | None:
        """Return the parts of its completion: slip, start, queueing, execution, detection lag; each is at least 0.

        None if a moment is not known. The slip of a closed workload is 0: its completion counts from sending.
        """
        start_ms, wait_ms, execution_ms = self.start_ms, self._wait_ms, self.execution_ms
        lag_ms = self.detection_lag_ms
        if start_ms is None or wait_ms is None or execution_ms is None or lag_ms is None:
            return None
        slip_ms = (self.slip_ms or 0.0) if self.workload is Workload.OPEN else 0.0
        return (max(slip_ms, 0.0), start_ms, max(wait_ms, 0.0), max(execution_ms, 0.0), max(lag_ms, 0.0))

    def clock_bounds_ms(self) -> tuple[float, float] | None:
        """Return the bounds of how far the server's clock is ahead of the one here; None if the moments are not known.

        It cannot have begun before it was sent, nor have ended after its end was seen.
        """
        if self.sent is None or self.seen is None or self.execution_ms is None:
            return None
        begun, ended = self.server_running_epoch_s or 0.0, self.server_updated_epoch_s or 0.0
        return (ended - self.epoch_s(self.seen)) * 1000, (begun - self.epoch_s(self.sent)) * 1000

    def epoch_s(self, moment: float) -> float:
        """Turn one of the monotonic moments into seconds since the epoch.

        Args:
            moment: such as `ended`, in seconds of `time.monotonic()`.
        """
        return moment + self.epoch_offset_s


def _elapsed_ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else (end - start) * 1000
