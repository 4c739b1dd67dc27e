"""An instance and its sub-orchestrations as one file that needs nothing else: to be kept, or attached to a CI run."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web
from markupsafe import Markup

from durable_harness.dashboard.history import rows_of
from durable_harness.dashboard.instances import Instance, TreeNode, read_instance
from durable_harness.dashboard.pages.instance import history_document, values_of
from durable_harness.dashboard.payloads import Payload
from durable_harness.dashboard.routes import Route
from durable_harness.dashboard.urls import ORCHESTRATIONS
from durable_harness.dashboard.visit import PageError, Visit

MOST_BYTES = 5_000_000
MOST_FILE_BYTES = 1_000_000
"""A history that is larger as a file of `durable-harness replay` is not in the page."""
MOST_EVENTS = 2_000
MOST_INSTANCES = 50
_ID = re.compile(r'(?<= )id="')


async def show(visit: Visit) -> web.Response:
    """Answer with the page, as a file."""
    text = await trace_of(visit, visit.arguments["id"])
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", visit.arguments["id"])[:100]
    headers = {"Content-Disposition": f'attachment; filename="trace-{name}.html"'}
    return web.Response(text=text, content_type="text/html", headers=headers)


async def trace_of(visit: Visit, instance_id: str) -> str:
    """Return the page of an instance, its sub-orchestrations below it, at most MOST_BYTES of it.

    Raises PageError for an unknown ID. What is left out is named.
    """
    root = await read_instance(visit, instance_id)
    wanted = [instance_id, *(one.instance_id for one in _descendants(root.children) if one.status is not None)]
    anchors = {one: f"instance-{number}" for number, one in enumerate(wanted[:MOST_INSTANCES])}
    articles: list[Markup] = []
    size, left_out = 0, len(wanted) - len(anchors)
    for one, anchor in anchors.items():
        instance = root if one == instance_id else await read_instance(visit, one)
        text = _ID.sub(f'id="{anchor}-', await _article(visit, instance, anchors))
        if articles and size + len(text.encode("utf-8", "replace")) > MOST_BYTES:
            left_out += 1
            continue
        size += len(text.encode("utf-8", "replace"))
        articles.append(Markup(f'<article id="{anchor}">{text}</article>'))  # noqa: S704 - it comes from the template
    return visit.renderer.page(
        "trace.html",
        {
            "name": root.state.name,
            "id": instance_id,
            "hub": visit.hub,
            "now_ns": visit.source.now_ns(),
            "articles": articles,
            "left_out": left_out,
            "style": Markup(visit.renderer.style),  # noqa: S704 - it is ours
        },
    )


async def _article(visit: Visit, instance: Instance, anchors: Mapping[str, str]) -> str:
    """Return an instance as its page shows it, without what asks a server for more."""
    count = len(instance.events)
    first = max(1, count - MOST_EVENTS + 1)
    file = await _history_file(visit, str(instance.state.instanceId))

    def url(_hub: str, instance_id: str, *parts: str, **_query: Any) -> str:
        if parts == ("history.json",):
            return file
        return f"#{anchors[instance_id]}" if instance_id in anchors else "#"

    own = dataclasses.replace(visit, arguments={"id": str(instance.state.instanceId)})
    values = values_of(own, instance)
    values |= {
        "hub": visit.hub,
        "read_only": True,
        "token": "",
        "can_again": set(),
        "can_replay": False,
        "payloads": [(title, Payload(payload.text)) for title, payload in values["payloads"]],
        "rows": rows_of(instance.events, first, MOST_EVENTS),
        "first": first,
        "page_size": count,
        "raw_url": lambda _number: "",
        "instance_url": url,
        "history_file": file,
    }
    return visit.renderer.live_part("instance.html", values)


async def _history_file(visit: Visit, instance_id: str) -> str:
    """Return the history as an address that holds it whole; empty if there is none, or too much of it."""
    try:
        document = json.dumps(await history_document(visit, instance_id), ensure_ascii=False)
    except PageError:
        return ""
    content = document.encode("utf-8", "replace")
    if len(content) > MOST_FILE_BYTES:
        return ""
    return f"data:application/json;base64,{base64.b64encode(content).decode()}"


def _descendants(nodes: Sequence[TreeNode]) -> Iterator[TreeNode]:
    for node in nodes:
        yield node
        yield from _descendants(node.children)


ROUTES = (Route("GET", (ORCHESTRATIONS, "{id}", "trace.html"), show, ORCHESTRATIONS),)
