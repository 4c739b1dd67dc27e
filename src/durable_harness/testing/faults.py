"""Faults in the system under test, on request and repeatable: the `durable_faults` fixture."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from durable_harness.errors import UsageError
from durable_harness.stack import StackControl

KINDS = ("orchestration", "activity", "entity")
DEFAULT_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.01
MAX_PAYLOAD_BYTES = 1_048_576
MAX_FILLED_S = 60.0
Kind = Literal["orchestration", "activity", "entity"]


@dataclass(frozen=True)
class Struck:
    """A work item, or its completion, that a fault has struck: whose it was, and when, in seconds since the epoch."""

    kind: str
    name: str
    instance_id: str
    at_s: float


class InjectedFault:
    """A fault that strikes work items or completions until it is used up, ended, or the test is over."""

    def __init__(self, control: StackControl, number: int, described: str) -> None:
        self._control = control
        self._number = number
        self._described = described

    def __repr__(self) -> str:
        return f"<fault {self._described}>"

    @property
    def struck(self) -> list[Struck]:
        """What it has struck so far, in order."""
        return [Struck(**one) for one in self._state()["struck"]]

    def wait(self, count: int | None = None, timeout_s: float = DEFAULT_TIMEOUT_S) -> list[Struck]:
        """Wait until it has struck so many, by default all that it was made for; return what it has struck.

        Raises AssertionError, saying what it has struck, if that does not happen in time: a test that counts on a fault
        then fails instead of passing without it.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout_s
        while True:
            state = self._state()
            if state["is_over"] if count is None else len(state["struck"]) >= count:
                return [Struck(**one) for one in state["struck"]]
            if time.monotonic() > deadline:
                wanted = "all that it was made for" if count is None else count
                told = f"{self!r} has not struck {wanted} in {timeout_s:g} s, but {len(state['struck'])}"
                raise AssertionError(f"{told}: {state['struck']}")
            time.sleep(POLL_INTERVAL_S)

    def end(self) -> None:
        """Let it strike no more; what it keeps back comes now."""
        self._control.call("faults/end", number=self._number)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._control.call("faults/struck", number=self._number)
        return state


class Endable(Protocol):
    """What goes on until it is ended, or by itself after a while."""

    def end(self) -> None:
        """End it now."""


class DurableFaults:
    """Breaks the system under test. Whatever is broken when the test ends is mended.

    The host and the scheduler are processes of their own, the scheduler's state is in a file. Faults of work items are
    injected between the host and the scheduler: `count` says how many they strike (one, unless there is a
    `probability`, which is then asked for each), `kind` and `name` whose. Which ones a probability strikes follows from
    `seed` and the order of the work alone.
    """

    def __init__(self, control: StackControl, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        """For choices of the test's own: moments, victims."""
        self.log: list[str] = []
        """What was done, in order."""
        self._control = control
        self._numbers = itertools.count(1)

    # -- processes ----------------------------------------------------------------------------------------------------

    def kill_host(self) -> None:
        """Kill -9 the process of the host and start it again at the same URL; returns when it answers.

        Faults of work items that were injected before are gone with it.
        """
        self._needs_processes("kill_host")
        self._note("kill_host()")
        self._control.kill_host()

    def kill_worker(self) -> None:
        """Lose the worker within the host with all that it was doing, and start another; HTTP goes on.

        What a thread of it runs, a plain function, runs to its end; nobody hears of its result.
        """
        self._note("kill_worker()")
        self._control.call("faults/kill_worker")

    def kill_scheduler(self) -> None:
        """Kill -9 the scheduler's process and start it again on the same file; returns when the host reaches it."""
        self._needs_processes("kill_scheduler")
        self._note("kill_scheduler()")
        self._control.kill_scheduler()
        self._control.call("faults/wait_for_scheduler")

    def pause_scheduler(self, seconds: float) -> Endable:
        """Stop the process of the scheduler for so long, or until `end` of what is returned; returns at once."""
        _check_seconds("pause_scheduler", seconds=seconds)
        self._needs_processes("pause_scheduler")
        self._note(f"pause_scheduler({seconds:g})")
        return self._control.pause_scheduler(seconds)

    def fill_thread_pool(self, seconds: float = MAX_FILLED_S) -> None:
        """Occupy every thread in which plain functions and orchestrators run, for so long at most."""
        _check_seconds("fill_thread_pool", seconds=seconds)
        self._note(f"fill_thread_pool({seconds:g})")
        self._control.call("faults/fill_threads", seconds=seconds)

    # -- the stream of work items -------------------------------------------------------------------------------------

    def reset_stream(self, *, away_s: float = 0.0) -> None:
        """Break the stream by which work comes to the worker, and for so long let it open no other.

        What the worker holds goes back to the scheduler; completions that are under way are refused.
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

        They are handed out again after `back_after_s`, as when a lease runs out; None: when the fault is ended, the
        stream breaks or the lease really runs out (`--lease-timeout`).
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
        """Hold up work items on their way to the worker, for so long or for a time between two; others overtake."""
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
        """Hand work items to the worker twice: the work is done twice, the second completion is refused."""
        return self._inject("duplicate", count, probability, kind, name)

    def refuse_completions(
        self,
        count: int | None = None,
        *,
        probability: float | None = None,
        kind: Kind | None = None,
        name: str | None = None,
    ) -> InjectedFault:
        """Refuse completions with NOT_FOUND, as when the lease ran out: the work is handed out again."""
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
        """Make results of activities, outputs of orchestrations and states of entities this large.

        The default is one byte more than the scheduler takes, unless it was started with another limit.
        """
        if size_bytes < 1:
            raise UsageError(f"oversize_payloads: size_bytes is {size_bytes!r}; allowed are whole numbers from 1")
        return self._inject("oversize", count, probability, kind, name, size_bytes=size_bytes)

    # -- the end ------------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Mend everything now, as is done when the test ends."""
        self._control.end_pauses()
        self._control.call("faults/end")
        self._control.call("faults/wait_for_scheduler")

    def describe(self) -> str:
        """Return the seed and what was done, for the report of a failed test."""
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
    """Return the faults of a stack, None where it cannot be broken."""
    return DurableFaults(control, seed) if control is not None and control.offers("faults/inject") else None


def _check(fault: str, count: int | None, probability: float | None, kind: str | None) -> None:
    wrong: list[tuple[bool, Callable[[], str]]] = [
        (count is not None and count < 1, lambda: f"count is {count!r}; allowed are whole numbers from 1"),
        (
            probability is not None and not 0 < probability <= 1,
            lambda: f"probability is {probability!r}; allowed are numbers above 0 and up to 1",
        ),
        (kind not in {None, *KINDS}, lambda: f"kind is {kind!r}; allowed are {', '.join(KINDS)}"),
    ]
    for is_wrong, told in wrong:
        if is_wrong:
            raise UsageError(f"fault {fault}: {told()}")


def _check_seconds(method: str, **given: float) -> None:
    for name, value in given.items():
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{method}: {name} is {value!r}; allowed are seconds from 0")
