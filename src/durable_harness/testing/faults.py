"""Faults in the system under test, on request and repeatable: the `durable_faults` fixture."""

from __future__ import annotations

import itertools
import math
import random
import time
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from durable_harness.errors import UsageError
from durable_harness.stack import StackControl

DEFAULT_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.01
MAX_PAYLOAD_BYTES = 1_048_576
MAX_FILLED_S = 60.0
Kind = Literal["orchestration", "activity", "entity"]
"""As in `protocol.work_kinds`. Editors show these words, and the process of the tests does without protobuf."""
KINDS = get_args(Kind)


@dataclass(frozen=True)
class FaultHit:
    """A work item, or its completion, that a fault has hit."""

    kind: str
    """The kind of work: "orchestration", "activity" or "entity"."""
    name: str
    """The name of the orchestrator, activity or entity."""
    instance_id: str
    """The ID of the instance."""
    at_s: float
    """When the fault hit it, in seconds since the epoch."""


class InjectedFault:
    """A fault that hits work items or their completions. The methods of `DurableFaults` return it.

        refused = durable_faults.refuse_completions(3, kind="activity")
        ...
        assert len(refused.wait()) == 3

    It stays active until it has hit `count` of them, until `end`, or until the end of the test.
    """

    def __init__(self, control: StackControl, number: int, described: str) -> None:
        self._control = control
        self._number = number
        self._described = described

    def __repr__(self) -> str:
        return f"<fault {self._described}>"

    @property
    def struck(self) -> list[FaultHit]:
        """What the fault has hit so far, in order."""
        return [FaultHit(**one) for one in self._state()["struck"]]

    def wait(self, count: int | None = None, timeout_s: float = DEFAULT_TIMEOUT_S) -> list[FaultHit]:
        """Wait until the fault has hit a number of work items or completions, and return them.

        Call it in each test that depends on a fault. Otherwise the test can pass although the fault never happened.

        Args:
            count: the number to wait for; by default all that the fault was made for.
            timeout_s: how long to wait, in seconds.

        Raises:
            AssertionError: the fault has hit fewer in that time. The message lists them.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout_s
        while True:
            state = self._state()
            if state["is_over"] if count is None else len(state["struck"]) >= count:
                return [FaultHit(**one) for one in state["struck"]]
            if time.monotonic() > deadline:
                wanted = "all that it was made for" if count is None else count
                message = f"{self!r} has not struck {wanted} in {timeout_s:g} s, but {len(state['struck'])}"
                raise AssertionError(f"{message}: {state['struck']}")
            time.sleep(POLL_INTERVAL_S)

    def end(self) -> None:
        """End the fault. Work items that it still delays are delivered now."""
        self._control.call("faults/end", number=self._number)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._control.call("faults/struck", number=self._number)
        return state


class InjectedPause(Protocol):
    """A fault that lasts for a limited time and can be ended earlier."""

    def end(self) -> None:
        """End it now."""


class DurableFaults:
    """Inject faults into the system under test, repeatably. Everything is restored after the test.

        def test_nothing_is_lost(durable_operations, durable_faults):
            refused = durable_faults.refuse_completions(3, kind="activity")
            started = [durable_operations.start("/api/orders", {"id": n}) for n in range(10)]
            refused.wait()
            durable_faults.kill_scheduler()
            for operation in started:
                assert_completed(operation)

    The fixture `durable_faults` makes it. On the embedded stack the host and the scheduler are then separate processes,
    and the scheduler's state is in a file. Faults of work items are injected between the two.

    Those faults share four arguments. `count` is how many work items a fault hits: one by default, or any number if a
    `probability` is given. `probability`, above 0 and at most 1, is applied to each work item. `kind` ("orchestration",
    "activity" or "entity") and `name` (of a function) select the work items. A probability selects the same work items
    each time for the same `seed` and order of the work.
    """

    def __init__(self, control: StackControl, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        """A random number generator with this seed, for choices of the test itself."""
        self.log: list[str] = []
        """The faults so far, in order, as text."""
        self._control = control
        self._numbers = itertools.count(1)

    # -- processes ----------------------------------------------------------------------------------------------------

    def kill_host(self) -> None:
        """Kill the host process with SIGKILL and start it again at the same URL.

        Returns when the host answers. Faults of work items that were injected before end with the old process.

        Raises:
            UsageError: the stack has no scheduler process of its own; use the embedded stack.
        """
        self._needs_processes("kill_host")
        self._note("kill_host()")
        self._control.kill_host()

    def kill_worker(self) -> None:
        """Stop the worker within the host with all its work, and start another. The HTTP endpoints keep answering.

        A plain function that runs in a thread runs to its end, but its result is lost.
        """
        self._note("kill_worker()")
        self._control.call("faults/kill_worker")

    def kill_scheduler(self) -> None:
        """Kill the scheduler process with SIGKILL and start it again on the same file.

        Returns when the host can reach it.

        Raises:
            UsageError: the stack has no scheduler process of its own; use the embedded stack.
        """
        self._needs_processes("kill_scheduler")
        self._note("kill_scheduler()")
        self._control.kill_scheduler()
        self._control.call("faults/wait_for_scheduler")

    def pause_scheduler(self, seconds: float) -> InjectedPause:
        """Pause the scheduler process for a time. Returns at once.

        Args:
            seconds: how long the process stands still at most, in seconds.

        Returns:
            The pause, whose `end` resumes the process.

        Raises:
            UsageError: `seconds` is negative or not finite, or the stack has no scheduler process of its own.
        """
        _check_seconds("pause_scheduler", seconds=seconds)
        self._needs_processes("pause_scheduler")
        self._note(f"pause_scheduler({seconds:g})")
        return self._control.pause_scheduler(seconds)

    def fill_thread_pool(self, seconds: float = MAX_FILLED_S) -> None:
        """Occupy every thread in which plain functions and orchestrators run.

        Args:
            seconds: for how long at most, in seconds.

        Raises:
            UsageError: `seconds` is negative or not finite.
        """
        _check_seconds("fill_thread_pool", seconds=seconds)
        self._note(f"fill_thread_pool({seconds:g})")
        self._control.call("faults/fill_threads", seconds=seconds)

    # -- the stream of work items -------------------------------------------------------------------------------------

    def reset_stream(self, *, away_s: float = 0.0) -> None:
        """Break the stream that delivers work items to the worker.

        The work items that the worker has return to the scheduler. Completions that are on their way are refused.

        Args:
            away_s: how long the worker cannot open another stream, in seconds.

        Raises:
            UsageError: `away_s` is negative or not finite.
        """
        _check_seconds("reset_stream", away_s=away_s)
        self._note(f"reset_stream(away_s={away_s:g})")
        self._control.call("faults/reset_stream", away_s=away_s)

    def drop_work_items(
        self,
        count: int | None = None,
        *,
        probability: float | None = None,
        kind: Kind | None = None,
        name: str | None = None,
        back_after_s: float | None = 0.2,
    ) -> InjectedFault:
        """Lose work items on their way to the worker.

            dropped = durable_faults.drop_work_items(probability=0.1, kind="activity")

        Args:
            count, probability, kind, name: which work items to lose; see `DurableFaults`.
            back_after_s: after how many seconds the scheduler hands them out again, as when a lease expires. If None,
                it does so when the fault ends, the stream breaks, or the lease really expires (`--lease-timeout`).

        Raises:
            UsageError: an argument is out of range.
        """
        if back_after_s is not None:
            _check_seconds("drop_work_items", back_after_s=back_after_s)
        return self._inject("drop", count, probability, kind, name, back_after_s=back_after_s)

    def delay_work_items(
        self,
        seconds: float | tuple[float, float],
        count: int | None = None,
        *,
        probability: float | None = None,
        kind: Kind | None = None,
        name: str | None = None,
    ) -> InjectedFault:
        """Delay work items on their way to the worker. Other work items overtake them.

            durable_faults.delay_work_items((0.1, 0.5), probability=0.2)

        Args:
            seconds: the delay in seconds, or the shortest and the longest delay as a tuple.
            count, probability, kind, name: which work items to delay; see `DurableFaults`.

        Raises:
            UsageError: an argument is out of range.
        """
        least_s, most_s = seconds if isinstance(seconds, tuple) else (seconds, seconds)
        _check_seconds("delay_work_items", least_s=least_s, most_s=most_s)
        return self._inject("delay", count, probability, kind, name, least_s=least_s, most_s=most_s)

    def duplicate_work_items(
        self,
        count: int | None = None,
        *,
        probability: float | None = None,
        kind: Kind | None = None,
        name: str | None = None,
    ) -> InjectedFault:
        """Deliver work items twice: the work is done twice, and the second completion is refused.

        Args:
            count, probability, kind, name: which work items to duplicate; see `DurableFaults`.

        Raises:
            UsageError: an argument is out of range.
        """
        return self._inject("duplicate", count, probability, kind, name)

    def refuse_completions(
        self,
        count: int | None = None,
        *,
        probability: float | None = None,
        kind: Kind | None = None,
        name: str | None = None,
    ) -> InjectedFault:
        """Refuse completions with NOT_FOUND, as if the lease had expired. The work is handed out again.

        Args:
            count, probability, kind, name: which completions to refuse; see `DurableFaults`.

        Raises:
            UsageError: an argument is out of range.
        """
        return self._inject("refuse", count, probability, kind, name)

    def oversize_payloads(
        self,
        count: int | None = None,
        *,
        probability: float | None = None,
        kind: Kind | None = None,
        name: str | None = None,
        size_bytes: int = MAX_PAYLOAD_BYTES + 1,
    ) -> InjectedFault:
        """Make results of activities, outputs of orchestrations and states of entities too large.

        Args:
            count, probability, kind, name: which completions to change; see `DurableFaults`.
            size_bytes: the new size in bytes; by default one byte more than the scheduler's default limit.

        Raises:
            UsageError: an argument is out of range.
        """
        if size_bytes < 1:
            raise UsageError(f"oversize_payloads: size_bytes is {size_bytes!r}; expected a whole number of at least 1")
        return self._inject("oversize", count, probability, kind, name, size_bytes=size_bytes)

    # -- the end ------------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """End all faults and restore the system now. The fixture calls it after the test."""
        self._control.end_pauses()
        self._control.call("faults/end")
        self._control.call("faults/wait_for_scheduler")

    def describe(self) -> str:
        """Return the seed and the faults so far as text, for the report of a failed test."""
        return "\n".join([f"seed {self.seed} (--fault-seed {self.seed} repeats it)", *self.log])

    def _inject(
        self,
        fault: str,
        count: int | None,
        probability: float | None,
        kind: Kind | None,
        name: str | None,
        **settings: Any,
    ) -> InjectedFault:
        _check(fault, count, probability, kind)
        number = next(self._numbers)
        what = {
            "kinds": [kind] if kind else list(KINDS),
            "names": [name] if name else [],
            "count": 1 if count is None and probability is None else count,
            "probability": 1.0 if probability is None else probability,
        }
        described = f"{fault} {what | settings}"
        self._note(described)
        seed = f"{self.seed}/{number}"
        return InjectedFault(
            self._control, self._control.call("faults/inject", fault=fault, seed=seed, **what, **settings), described
        )

    def _needs_processes(self, method: str) -> None:
        if not self._control.outlives_processes:
            raise UsageError(
                f"{method}: this stack's scheduler is not a process of ours that may be broken. Run this test with"
                " --stack embedded."
            )

    def _note(self, what: str) -> None:
        self.log.append(f"{time.strftime('%H:%M:%S')} {what}")


def faults_of(control: StackControl | None, seed: int) -> DurableFaults | None:
    """Return the faults of a stack; None if faults cannot be injected into it."""
    return DurableFaults(control, seed) if control is not None and control.offers("faults/inject") else None


def _check(fault: str, count: int | None, probability: float | None, kind: str | None) -> None:
    if count is not None and count < 1:
        raise UsageError(f"fault {fault}: count is {count!r}; expected a whole number of at least 1")
    if probability is not None and not 0 < probability <= 1:
        raise UsageError(f"fault {fault}: probability is {probability!r}; expected a number above 0 and at most 1")
    if kind not in {None, *KINDS}:
        raise UsageError(f"fault {fault}: kind is {kind!r}; expected one of {', '.join(KINDS)}")


def _check_seconds(method: str, **given: float) -> None:
    for name, value in given.items():
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{method}: {name} is {value!r}; expected 0 or more seconds")
