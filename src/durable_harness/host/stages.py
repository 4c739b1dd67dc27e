"""What a piece of durable work went through in this process: received, its thread, the app's code, its replay.

The work under way is in a context variable, so that whoever runs its function can note what happens. All moments are
those of the monotonic clock of this process.
"""

from __future__ import annotations

import functools
import time
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

MOST_WORK = 30_000
"""How many pieces of work are remembered, the latest ones."""
HELD_NS = 50_000_000
"""Code that keeps the event loop to itself for as long is noted: nothing else of the host happens meanwhile."""
MOST_HOLDS = 1_000


@dataclass(slots=True)
class Stages:
    """The moments of one piece of work; 0 for what has not happened."""

    received_ns: int
    token: str = field(default="", repr=False)
    """The completion token of the work."""
    asked_ns: int = 0
    """When it asked for a thread and all were busy; 0 if one was free, and for coroutines, which need none."""
    begun_ns: int = 0
    ended_ns: int = 0
    answered_ns: int = 0
    """When its answer was handed to the scheduler."""
    replayed_events: int = 0
    replay_ns: int | None = None
    """How long its replay took; None if that is not known."""
    faked: str = ""
    """What it waits for if a test answers for its function; empty if the app does."""
    held_ns: int = 0
    """The longest time for which its coroutine kept the event loop to itself."""

    def as_json(self, offset_ns: int) -> dict[str, object]:
        """Return the moments as times of another clock, which shows `offset_ns` more."""
        moments = {
            "receivedNs": self.received_ns,
            "askedNs": self.asked_ns,
            "begunNs": self.begun_ns,
            "endedNs": self.ended_ns,
            "answeredNs": self.answered_ns,
        }
        times = {name: at_ns + offset_ns if at_ns else None for name, at_ns in moments.items()}
        return {
            **times,
            "replayedEvents": self.replayed_events,
            "replayNs": self.replay_ns,
            "heldNs": self.held_ns,
            "faked": self.faked,
        }


CURRENT: ContextVar[Stages | None] = ContextVar("stages of the work under way", default=None)


class StagesNoted:
    """The stages of the latest work, by its completion token."""

    def __init__(self, most: int = MOST_WORK) -> None:
        self._most = most
        self._noted: OrderedDict[str, Stages] = OrderedDict()

    def begin(self, token: str) -> Stages:
        """Note that work was received, and return its stages."""
        stages = Stages(time.monotonic_ns(), token)
        self._noted[token] = stages
        if len(self._noted) > self._most:
            self._noted.popitem(last=False)
        return stages

    def of(self, token: str) -> Stages | None:
        return self._noted.get(token)


@dataclass(frozen=True, slots=True)
class LoopHold:
    """Code of a coroutine that kept the event loop to itself."""

    function: str
    from_ns: int
    to_ns: int


class Holds:
    """The latest times at which a function kept the event loop to itself."""

    def __init__(self) -> None:
        self._noted: deque[LoopHold] = deque(maxlen=MOST_HOLDS)

    def since(self, at_ns: int) -> Iterator[LoopHold]:
        return (hold for hold in self._noted if hold.to_ns >= at_ns)

    @types.coroutine
    def watch(
        self, function: str, call: Callable[[], Coroutine[object, object, object]]
    ) -> Generator[object, object, object]:
        """Call a coroutine function and run it to its end; note when that was, and each step that kept the loop.

        All between the coroutine and the event loop is passed on, as `await` does.
        """
        stages, coroutine = CURRENT.get(), call()
        if stages is not None:
            stages.begun_ns = stages.begun_ns or time.monotonic_ns()
        step: Callable[[], object] = functools.partial(coroutine.send, None)
        try:
            while True:
                from_ns = time.monotonic_ns()
                try:
                    waits_for = step()
                except StopIteration as ending:
                    return ending.value
                finally:
                    to_ns = time.monotonic_ns()
                    if to_ns - from_ns >= HELD_NS:
                        self._note(LoopHold(function, from_ns, to_ns), stages)
                try:
                    step = functools.partial(coroutine.send, (yield waits_for))
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as raised:  # noqa: BLE001 - it is the coroutine's to take
                    step = functools.partial(coroutine.throw, raised)
        finally:
            if stages is not None:
                stages.ended_ns = time.monotonic_ns()

    def _note(self, hold: LoopHold, stages: Stages | None) -> None:
        self._noted.append(hold)
        if stages is not None:
            stages.held_ns = max(stages.held_ns, hold.to_ns - hold.from_ns)
