"""Lists for people of a scheduler that knows none: its states are read, and filtered, sorted and counted here.

A scheduler answers queries in one order and without counts. So all states are read, without payloads, and kept for as
long as reading them is worth it; the payloads of the rows that are shown are read one by one. There is a limit to that:
beyond it a list is partial and marked so.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from durable_harness.protocol import Scheduler, from_ns, pb, to_ns, unwrap_text
from durable_harness.protocol.listing import (
    BEGINNING_CHARS,
    MOST_NAMES,
    InstanceChoices,
    InstanceFilter,
    InstanceListRequest,
    InstancePage,
    InstanceRow,
    Place,
)
from durable_harness.wording.foreign_text import beginning

MOST_READ = 20_000
READ_AT_ONCE = 1_000
LEAST_KEPT_S, KEPT_FOR_READS = 1.0, 5.0
"""What was read is kept for at least this time, and for this many times the time that reading it took."""
MOST_CALLS = 16
_SORTED_BY: Mapping[str, Callable[[InstanceRow, int], int | str]] = {
    "created": lambda row, _now_ns: row.created_ns,
    "updated": lambda row, _now_ns: row.updated_ns,
    "name": lambda row, _now_ns: row.name,
    "id": lambda row, _now_ns: row.instance_id,
    "version": lambda row, _now_ns: row.version,
    "status": lambda row, _now_ns: row.status,
    "duration": lambda row, now_ns: (row.completed_ns or now_ns) - row.created_ns,
}


@dataclasses.dataclass(frozen=True)
class _Read:
    rows: Sequence[InstanceRow]
    is_part: bool
    until_s: float


class StatesListing:
    """Lists of the instances of one task hub."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._reading = asyncio.Lock()
        self._kept: _Read | None = None

    async def list_instances(self, request: InstanceListRequest) -> InstancePage:
        """Return one page of a list."""
        read = await self._read(request.filter)
        matching = [row for row in read.rows if _matches(row, request.filter)]
        counts = Counter(row.status for row in matching)
        wanted = [row for row in matching if not request.filter.statuses or row.status in request.filter.statuses]
        found = _placed(wanted, request)
        rows = await self._with_payloads(request.page_of(found))
        return InstancePage(rows, counts, *request.has_around(found), is_part=read.is_part)

    async def instance_choices(self) -> InstanceChoices:
        """Return the names, versions and tags that there are."""
        rows = (await self._read(InstanceFilter())).rows
        tags = (f"{name}={value}" for row in rows for name, value in row.tags.items())
        return InstanceChoices(_common(row.name for row in rows), _common(row.version for row in rows), _common(tags))

    def forget(self) -> None:
        """Read everything again next time: something was changed from here."""
        self._kept = None

    async def _read(self, chosen: InstanceFilter) -> _Read:
        """Return the instances from a time on, for children come after their parents; those of all times are kept."""
        if chosen.since_ns is not None:
            return await self._read_now(chosen)
        async with self._reading:
            kept = self._kept
            if kept is None or kept.until_s < time.monotonic():
                kept = self._kept = await self._read_now(chosen)
            return kept

    async def _read_now(self, chosen: InstanceFilter) -> _Read:
        began_s = time.monotonic()
        query = pb.InstanceQuery(maxInstanceCount=READ_AT_ONCE)
        if chosen.since_ns is not None:
            query.createdTimeFrom.CopyFrom(from_ns(chosen.since_ns))
        states: list[pb.OrchestrationState] = []
        is_part = True
        while len(states) < MOST_READ:
            answer = await self._scheduler.query_instances(pb.QueryInstancesRequest(query=query))
            states += answer.orchestrationState
            token = unwrap_text(answer, "continuationToken")
            if not token or token == query.continuationToken.value:
                is_part = False
                break
            query.continuationToken.value = token
        took_s = time.monotonic() - began_s
        children = Counter(state.parentInstanceId.value for state in states)
        rows = [_row(state, children[state.instanceId]) for state in states]
        return _Read(rows, is_part, time.monotonic() + max(LEAST_KEPT_S, KEPT_FOR_READS * took_s))

    async def _with_payloads(self, rows: Sequence[InstanceRow]) -> list[InstanceRow]:
        room = asyncio.Semaphore(MOST_CALLS)

        async def read(row: InstanceRow) -> InstanceRow:
            async with room:
                request = pb.GetInstanceRequest(instanceId=row.instance_id, getInputsAndOutputs=True)
                answer = await self._scheduler.get_instance(request)
            return _with_payloads(row, answer.orchestrationState) if answer.exists else row

        return list(await asyncio.gather(*map(read, rows)))


def _row(state: pb.OrchestrationState, children: int) -> InstanceRow:
    created_ns = to_ns(state.createdTimestamp)
    return InstanceRow(
        state.instanceId,
        state.name,
        state.version.value,
        state.orchestrationStatus,
        created_ns,
        to_ns(state.lastUpdatedTimestamp),
        to_ns(state.completedTimestamp) if state.HasField("completedTimestamp") else 0,
        bool(state.parentInstanceId.value),
        children,
        dict(state.tags),
        None,
        None,
        None,
        state.failureDetails if state.HasField("failureDetails") else None,
        Place(created_ns, created_ns, state.instanceId),
    )


def _with_payloads(row: InstanceRow, state: pb.OrchestrationState) -> InstanceRow:
    given, output, custom_status = (
        (text := unwrap_text(state, field)) and beginning(text, BEGINNING_CHARS)
        for field in ("input", "output", "customStatus")
    )
    return dataclasses.replace(row, input=given, output=output, custom_status=custom_status)


def _placed(rows: Iterable[InstanceRow], request: InstanceListRequest) -> list[InstanceRow]:
    """Return the rows from the place of a page on, in the direction in which it is read."""
    value_of = _SORTED_BY[request.sort]
    placed = [
        dataclasses.replace(row, place=Place(value_of(row, request.now_ns), row.created_ns, row.instance_id))
        for row in rows
    ]
    placed.sort(key=lambda row: _key(row.place), reverse=request.reads_down)
    if request.place is None:
        return placed
    at = _key(request.place)
    return [row for row in placed if (_key(row.place) < at if request.reads_down else _key(row.place) > at)]


def _key(place: Place) -> tuple[bool, int | str, int, str]:
    """Return what places are compared by. An address may have a text where a number is meant, or the other way."""
    return isinstance(place.value, str), place.value, place.created_ns, place.instance_id


def _matches(row: InstanceRow, chosen: InstanceFilter) -> bool:
    return (
        (chosen.with_children or not row.is_child)
        and (chosen.until_ns is None or row.created_ns <= chosen.until_ns)
        and chosen.id_part.lower() in row.instance_id.lower()
        and (not chosen.names or row.name in chosen.names)
        and (not chosen.versions or row.version in chosen.versions)
        and all(name in row.tags and value in {None, row.tags[name]} for name, value in chosen.tags)
    )


def _common(values: Iterable[str]) -> list[tuple[str, int]]:
    counted = Counter(values).items()
    return sorted(counted, key=lambda pair: (-pair[1], pair[0]))[:MOST_NAMES]
