"""Work that is delivered twice: how a host is started for it, and what a test may ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from durable_harness.control import Call, Counts, Deliveries, FaultyScheduler, Policy
from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.twice.twice_records import TwiceRecords
from durable_harness.host.twice.watching import Watched
from durable_harness.protocol.activity_names import CALL_HTTP, shown_name

LONGEST_SETTLING_S = 0.5
"""How long a report waits for second deliveries in progress: nothing else waits for the answer to a signal."""
LOST = {
    Counts.SECOND: "the first answer is lost, the second counts",
    Counts.FIRST: "the first answer is late, and counts",
}


@dataclass(frozen=True)
class TwiceOptions:
    """What is delivered twice from the start. `counts` is "second" or "first", None for nothing."""

    counts: str | None = None
    on_request: bool = False
    """Whether tests may ask for it."""

    @property
    def is_watching(self) -> bool:
        return self.counts is not None or self.on_request


def described_twice(counts: str) -> str:
    """Return a line on what such a host does."""
    return f"Every activity and entity operation is delivered twice: {LOST[Counts(counts)]}."


def twice_records(
    options: TwiceOptions, faulty: FaultyScheduler | None, watched: Watched | None
) -> TwiceRecords | None:
    """Deliver work twice as the options ask; return what collects the results, None if nothing is delivered twice."""
    if faulty is None or watched is None:
        return None
    faulty.deliveries.base = None if options.counts is None else Policy(counts=Counts(options.counts))
    return TwiceRecords(faulty.deliveries.has, watched, faulty.deliveries.counts_of)


def twice_calls(deliveries: Deliveries, records: TwiceRecords, app: FunctionApp) -> dict[str, Call]:
    """Return the calls by which a test starts and ends second deliveries and reads their results."""

    async def begin(
        names: list[str] | None, counts: str | None, known: list[str], *, is_on: bool | None
    ) -> dict[str, Any]:
        functions = {**app.activities, **app.entities, CALL_HTTP: None}
        unknown = [name for name in (*(names or ()), *known) if name.lower() not in functions]
        if unknown:
            raise ValueError(_no_such(unknown[0], app))
        if is_on is not None:
            deliveries.ask(_policy(deliveries, names, counts) if is_on else None)
        return {"since": records.count, "run": records.run}

    async def report(since: int, run: str) -> dict[str, Any]:
        await deliveries.settle(LONGEST_SETTLING_S)
        return records.report_since(since, run)

    async def settle(names: list[str], timeout_s: float) -> bool:
        return await deliveries.settle(timeout_s, {name.lower() for name in names})

    async def end() -> None:
        deliveries.end()

    return {"twice/begin": begin, "twice/settle": settle, "twice/report": report, "twice/end": end}


def _policy(deliveries: Deliveries, names: Sequence[str] | None, counts: str | None) -> Policy:
    base = deliveries.base or Policy()
    lowered = None if names is None else frozenset(name.lower() for name in names)
    return Policy(lowered, base.counts if counts is None else Counts(counts))


def _no_such(name: str, app: FunctionApp) -> str:
    functions = [*app.activities.values(), *app.entities.values()]
    known = ", ".join(sorted({shown_name(function.durable_name) for function in functions} - {CALL_HTTP}))
    return f"there is no activity or entity '{name}'. Known ones: {known or 'none'}, and {CALL_HTTP}"
