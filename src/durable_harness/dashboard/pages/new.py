"""A new orchestration: its name, its input, and when it is to start."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from durable_harness.dashboard.form_values import json_problem
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS, instance_url
from durable_harness.dashboard.visit import Visit
from durable_harness.protocol import RpcError, from_ns, pb, wrap_text
from durable_harness.protocol.values import LATEST_NS

PATH = "new-orchestration"
FIELDS = ("name", "id", "version", "input", "tags", "start")


async def show(visit: Visit) -> web.Response:
    """Show the form."""
    return await _form(visit, {name: visit.query.get(name, "") for name in FIELDS})


async def start(visit: Visit) -> web.Response:
    """Start an orchestration; show the form again, with what was written, where that cannot be."""
    values = {name: visit.field(name) for name in FIELDS}
    try:
        answer = await visit.scheduler.start_instance(_request(values))
    except ValueError as error:
        return await _form(visit, values, str(error), 400)
    except RpcError as error:
        return await _form(visit, values, str(error), 409)
    return visit.redirect(instance_url(visit.hub, answer.instanceId, query=[("done", "new")]))


async def _form(visit: Visit, values: dict[str, str], problem: str = "", status: int = 200) -> web.Response:
    choices = await visit.scheduler.instance_choices()
    names = dict.fromkeys([*visit.source.orchestrators(visit.hub), *(name for name, _ in choices.names)])
    return visit.page(
        "new.html", status, values=values, failed=problem, names=list(names), versions=choices.versions, live_every=0
    )


def _request(values: dict[str, str]) -> pb.CreateInstanceRequest:
    """Return the request that a form describes. Raises ValueError, with what is wrong, if it describes none."""
    if not values["name"]:
        raise ValueError("The name is missing: which orchestrator is to run?")
    problem = json_problem(values["input"]) if values["input"] else ""
    if problem:
        raise ValueError(f'The input is not JSON: {problem}. Text stands in quotes, such as "text".')
    request = pb.CreateInstanceRequest(
        instanceId=values["id"],
        name=values["name"],
        version=wrap_text(values["version"] or None),
        input=wrap_text(values["input"] or None),
        tags=_tags(values["tags"]),
    )
    if values["start"]:
        request.scheduledStartTimestamp.CopyFrom(from_ns(_start_ns(values["start"])))
    return request


def _tags(text: str) -> dict[str, str]:
    """Return tags written as name=value, one a line."""
    tags = dict[str, str]()
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not (equals and name.strip()):
            raise ValueError(f"Tags: got '{line[:60]}', expected name=value on each line.")
        if name.strip() in tags:
            raise ValueError(f"Tags: '{name.strip()[:60]}' is given twice. A tag has one value.")
        tags[name.strip()] = value.strip()
    return tags


def _start_ns(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"Start at: got '{text[:60]}', expected a time such as 2026-01-31T08:00 (UTC).") from None
    start_ns = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * 1_000_000_000
    if start_ns > LATEST_NS:
        latest = datetime.fromtimestamp(LATEST_NS // 1_000_000_000, UTC).replace(tzinfo=None)
        raise ValueError(f"Start at: got '{text[:60]}', expected a time up to {latest.isoformat()} (UTC).")
    return start_ns


ROUTES = (
    PageRoute("GET", (PATH,), show, ORCHESTRATIONS),
    PageRoute("POST", (PATH,), start, ORCHESTRATIONS),
)
