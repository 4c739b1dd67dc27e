"""Timer functions: each fires by its schedule, on the scheduler's clock, one invocation after the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.triggers.by_hand import Runs
from durable_harness.host.triggers.monitor import Monitor, TimerStatus
from durable_harness.host.triggers.schedule import Schedule, ScheduleError, read_schedule
from durable_harness.logs.categories import HOST_LOGGER
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import RpcError
from durable_harness.protocol.alarms import AlarmClock

logger = own_logger(HOST_LOGGER)

TIMER = "timertrigger"
START_TIMEOUT_S = 5.0
AGAIN_S = 0.2
"""The pause of a timer that cannot reach the scheduler whose clock it follows."""
MONITORED_FROM = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Timer:
    """A timer function and its schedule."""

    function: Function
    schedule: Schedule

    @property
    def runs_on_startup(self) -> bool:
        return _is_true(self.function.trigger.get("runOnStartup", False))

    def is_monitored(self, now: datetime) -> bool:
        """Return whether its last run is remembered: not for schedules of less than a minute, as in Azure."""
        first = self.schedule.next_after(now)
        second = self.schedule.next_after(first) if first else None
        is_frequent = first is not None and second is not None and second - first < MONITORED_FROM
        return _is_true(self.function.trigger.get("useMonitor", True)) and not is_frequent


class Timers:
    """The timers of an app. Those whose schedule cannot be read do not fire: `problems` has the reason, by function."""

    def __init__(self, app: FunctionApp) -> None:
        self._timers: list[Timer] = []
        self.problems: dict[str, str] = {}
        self.schedules: dict[str, str] = {}
        """When each fires, in words."""
        for function in app.others:
            if function.trigger_type.lower() == TIMER:
                self._add(function)
        self._firings: list[_Firing] = []

    def _add(self, function: Function) -> None:
        try:
            schedule = read_schedule(str(function.trigger.get("schedule") or ""))
        except ScheduleError as error:
            self.problems[function.name] = str(error)
        else:
            self._timers.append(Timer(function, schedule))
            self.schedules[function.name] = f"fires by '{schedule}'"

    async def start(self, clock: AlarmClock, runs: Runs, monitor: Monitor) -> None:
        """Start them until `close`; return when each follows the clock, or when that takes long."""
        self._firings = [_Firing(timer, clock, runs, monitor) for timer in self._timers]
        for firing in self._firings:
            firing.start()
        await self._until_all_follow()

    async def follow_again(self) -> None:
        """Follow the clock of a scheduler that was started again; for tests, which may move it next."""
        for firing in self._firings:
            firing.restart()
        await self._until_all_follow()

    async def close(self) -> None:
        """Stop them; invocations that run are those of `runs`."""
        await asyncio.gather(*(firing.close() for firing in self._firings))

    async def _until_all_follow(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT_S):
                await asyncio.gather(*(firing.follows.wait() for firing in self._firings))


class _Firing:
    """One timer, firing."""

    def __init__(self, timer: Timer, clock: AlarmClock, runs: Runs, monitor: Monitor) -> None:
        self._timer = timer
        self._name = timer.function.name
        self._clock = clock
        self._runs = runs
        self._monitor = monitor
        self._reached: datetime | None = None
        """The time up to which it has fired; None before it has begun."""
        self.follows = asyncio.Event()
        """Set while it has an alarm on the clock, or needs none."""
        self._is_firing = False
        self._ringing: AsyncGenerator[int, None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def restart(self) -> None:
        """Set its alarm again. One that fires at the moment will do so by itself."""
        if self._task is not None and not self._is_firing:
            self._task.cancel()
            self.follows.clear()
            self.start()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        """Fire until cancelled; a scheduler that cannot be reached is asked again."""
        while True:
            try:
                await self._follow()
            except RpcError as error:
                self.follows.clear()
                logger.warning("Timer '%s' waits for the scheduler's clock: %s", self._name, error)
                await asyncio.sleep(AGAIN_S)
            else:
                self.follows.set()
                return

    async def _follow(self) -> None:
        """Fire at each due time. The next alarm is set before the one that rings is closed, so that none is missed."""
        ringing = self._ringing = await self._set(0)
        try:
            now = await _due(ringing, EPOCH)
            if self._reached is None:
                self._reached = now
                await self._begin(now)
            while (due := self._timer.schedule.next_after(self._reached)) is not None:
                following = await self._set((due - EPOCH) // timedelta(microseconds=1) * 1000)
                await ringing.aclose()
                ringing = self._ringing = following
                self._reached = await _due(following, due)
                await self._fire(self._reached)
        finally:
            await ringing.aclose()

    async def _release(self) -> None:
        """Release the clock while a function that failed waits for its retry."""
        if self._ringing is not None:
            await self._ringing.aclose()

    async def _set(self, due_ns: int) -> AsyncGenerator[int, None]:
        alarm = self._clock.alarm(self._name, due_ns)
        await anext(alarm)
        self.follows.set()
        return alarm

    async def _begin(self, now: datetime) -> None:
        """Fire at once if an occurrence was missed while no host ran, or if the function runs on startup."""
        due = self._timer.schedule.next_after(now)
        if due is None:
            return
        status = self._monitor.get(self._name) if self._timer.is_monitored(now) else None
        if status is not None and self._is_past_due(status, now):
            await self._fire(now, is_past_due=True)
            return
        if self._timer.is_monitored(now):
            self._monitor.set(self._name, TimerStatus(status.last if status else None, due, now))
        if self._timer.runs_on_startup:
            await self._fire(now)

    def _is_past_due(self, status: TimerStatus, now: datetime) -> bool:
        """A due time of another schedule is none: the app has changed since."""
        is_of_this_schedule = self._timer.schedule.next_after(status.last or status.updated) == status.next
        return is_of_this_schedule and status.next < now

    async def _fire(self, now: datetime, *, is_past_due: bool = False) -> None:
        self._is_firing = True
        try:
            await self._invoke(now, is_past_due=is_past_due)
        finally:
            self._is_firing = False

    async def _invoke(self, now: datetime, *, is_past_due: bool) -> None:
        logger.info("Timer '%s' fires%s", self._name, ": it was due while no host ran" if is_past_due else "")
        is_monitored = self._timer.is_monitored(now)
        status = self._monitor.get(self._name) if is_monitored else None
        arrived = {
            "IsPastDue": is_past_due,
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.as_json() if status else None,
        }
        run = self._runs.prepare(self._timer.function, arrived, {})
        await asyncio.shield(self._runs.start(run, self._release))
        due = self._timer.schedule.next_after(now)
        if is_monitored and due is not None:
            self._monitor.set(self._name, TimerStatus(now, due, now))


async def _due(alarm: AsyncGenerator[int, None], at_least: datetime) -> datetime:
    """Wait for an alarm and return the present, no earlier than the time that it was set for."""
    now_ns = await anext(alarm)
    return max(EPOCH + timedelta(microseconds=now_ns // 1000), at_least)


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"
