"""One act on all instances that match a filter: first how many they are and a question, then the act."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from durable_harness.dashboard.listed import Listed, read_listed
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS
from durable_harness.dashboard.pages.acts import ACTS, Act
from durable_harness.dashboard.pages.orchestration_list import total
from durable_harness.dashboard.pages.result_page import to_result
from durable_harness.dashboard.texts import STATUS_LABELS, utc
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.protocol import RpcError, pb, wrap_text
from durable_harness.protocol.listing import InstanceFilter, InstanceListRequest

PATH = "bulk"
AT_ONCE = 100
"""How many instances are acted on at a time: the scheduler has other work to do."""
MOST_PROBLEMS = 20
WORDS = tuple(word for word in ACTS if word != "event")

DoOne = Callable[[Visit, str, str | None], Awaitable[Any]]


@dataclass
class Result:
    """What became of an act on many instances."""

    done: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    refused: int = 0


async def ask(visit: Visit) -> web.Response:
    """Show how many instances match and what can be done to them; nothing is done here."""
    listed = _bounded(visit.query, visit)
    if listed.problems:
        raise PageError(400, " ".join(listed.problems))
    page = await visit.scheduler.list_instances(dataclasses.replace(listed.request, size=5, place=None))
    return visit.page(
        "bulk.html",
        listed=listed,
        sample=page.rows,
        total=total(page, listed),
        acts=[(act, _possible(act, listed.filter, page.counts)) for act in (ACTS[word] for word in WORDS)],
        live_every=0,
    )


async def do(visit: Visit) -> web.Response:
    """Do what was confirmed to what matches, as far as it still can be done."""
    act = ACTS.get(visit.field("act"))
    if act is None or act.word not in WORDS:
        raise PageError(400, f"act: got '{visit.field('act')[:40]}', expected one of {', '.join(WORDS)}.")
    listed = _bounded(visit.form, visit)
    if listed.problems:
        raise PageError(400, " ".join(listed.problems))
    confirmed = visit.field("count")
    if not confirmed.isdecimal():
        raise PageError(400, "The number of instances that was confirmed is missing.")
    chosen = _narrowed(act, listed.filter)
    ids = await _matching(visit, chosen, int(confirmed)) if chosen is not None else []
    result = await _act_on_all(visit, act, ids)
    return to_result(visit, "bulk_done.html", act=act, result=result, confirmed=int(confirmed), listed=listed)


def _bounded(pairs: MultiMapping[str], visit: Visit) -> Listed:
    """Return the list that is meant, without what is created from now on, which the user has not confirmed."""
    listed = read_listed(pairs, visit.source.now_ns())
    if listed.filter.until_ns is not None and ("until", listed.value("until")) in listed.pairs:
        return listed if "T" in listed.value("until") else _until(listed, listed.filter.until_ns)
    return _until(listed, listed.now_ns)


def _until(listed: Listed, until_ns: int) -> Listed:
    at = utc(until_ns + 999)  # addresses have microseconds: what was created in this one is among them
    pairs = [pair for pair in listed.pairs if pair[0] != "until"]
    pairs.append(("until", at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")))
    chosen = dataclasses.replace(listed.filter, until_ns=until_ns)
    return dataclasses.replace(listed, pairs=tuple(pairs), filter=chosen)


def _narrowed(act: Act, chosen: InstanceFilter) -> InstanceFilter | None:
    """Return the filter with the statuses only in which an act is possible; None if none of its own is one."""
    statuses = [status for status in STATUS_LABELS if act.is_possible(status)]
    wanted = tuple(status for status in statuses if not chosen.statuses or status in chosen.statuses)
    return dataclasses.replace(chosen, statuses=wanted) if wanted else None


def _possible(act: Act, chosen: InstanceFilter, counts: Mapping[int, int]) -> int:
    narrowed = _narrowed(act, chosen)
    return sum(counts.get(status, 0) for status in narrowed.statuses) if narrowed is not None else 0


async def _matching(visit: Visit, chosen: InstanceFilter, most: int) -> list[str]:
    """Return the ids of what matches, the oldest first, no more than were confirmed."""
    ids: list[str] = []
    request = InstanceListRequest(chosen, is_descending=False, size=1000)
    while len(ids) < most:
        page = await visit.scheduler.list_instances(request)
        ids += [row.instance_id for row in page.rows]
        if not page.has_after:
            break
        request = dataclasses.replace(request, place=page.rows[-1].place)
    return ids[:most]


async def _act_on_all(visit: Visit, act: Act, ids: Sequence[str]) -> Result:
    result, reason = Result(), visit.field("reason") or None
    for first in range(0, len(ids), AT_ONCE):
        batch = ids[first : first + AT_ONCE]
        answers = await asyncio.gather(*(_try(visit, act, instance_id, reason) for instance_id in batch))
        for instance_id, problem in zip(batch, answers, strict=True):
            if not problem:
                result.done += 1
                continue
            result.refused += 1
            if len(result.problems) < MOST_PROBLEMS:
                result.problems.append((instance_id, problem))
    return result


async def _try(visit: Visit, act: Act, instance_id: str, reason: str | None) -> str:
    """Act on one instance, and return why it was refused; "" if it was not."""
    try:
        await DO_ONE[act.word](visit, instance_id, reason)
    except RpcError as error:
        return str(error)
    return ""


DO_ONE: Mapping[str, DoOne] = {
    "suspend": lambda visit, one, reason: visit.scheduler.suspend_instance(
        pb.SuspendRequest(instanceId=one, reason=wrap_text(reason))
    ),
    "resume": lambda visit, one, reason: visit.scheduler.resume_instance(
        pb.ResumeRequest(instanceId=one, reason=wrap_text(reason))
    ),
    "terminate": lambda visit, one, reason: visit.scheduler.terminate_instance(
        pb.TerminateRequest(instanceId=one, output=wrap_text(reason), recursive=bool(visit.field("recursive")))
    ),
    "restart": lambda visit, one, _reason: visit.scheduler.restart_instance(
        pb.RestartInstanceRequest(instanceId=one, restartWithNewInstanceId=True)
    ),
    "rewind": lambda visit, one, reason: visit.scheduler.rewind_instance(
        pb.RewindInstanceRequest(instanceId=one, reason=wrap_text(reason))
    ),
    "purge": lambda visit, one, _reason: visit.scheduler.purge_instances(
        pb.PurgeInstancesRequest(instanceId=one, recursive=bool(visit.field("recursive")))
    ),
}
ROUTES = (
    PageRoute("GET", (PATH,), ask, ORCHESTRATIONS),
    PageRoute("POST", (PATH,), do, ORCHESTRATIONS),
)
