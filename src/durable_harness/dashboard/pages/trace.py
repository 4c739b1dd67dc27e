"""An instance and its sub-orchestrations as one file that needs nothing else: to be kept, or attached to a CI run."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from aiohttp import web
from markupsafe import Markup

from durable_harness.dashboard.history_rows import rows_of
from durable_harness.dashboard.known_instance import KnownInstance, read_instance
from durable_harness.dashboard.page_routes import PageRoute
from durable_harness.dashboard.page_urls import ORCHESTRATIONS
from durable_harness.dashboard.pages.instance import history_document, values_of
from durable_harness.dashboard.payload_texts import Payload
from durable_harness.dashboard.tree import TreeNode
from durable_harness.dashboard.visit import PageError, Visit
from durable_harness.wording.foreign_text import blanked

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
    found = await _chosen(visit, instance_id)
    anchors = {str(one.state.instanceId): f"instance-{number}" for number, one in enumerate(found.instances)}
    articles: list[Markup] = []
    size, too_large = 0, 0
    for instance, anchor in zip(found.instances, anchors.values(), strict=True):
        text = _ID.sub(f'id="{anchor}-', await _article(visit, instance, anchors))
        if articles and size + len(text.encode("utf-8", "replace")) > MOST_BYTES:
            too_large += 1
            continue
        size += len(text.encode("utf-8", "replace"))
        articles.append(Markup(f'<article id="{anchor}">{text}</article>'))  # noqa: S704 - it comes from the template
    return visit.renderer.page(
        "trace.html",
        {
            "name": found.instances[0].state.name,
            "id": instance_id,
            "hub": visit.hub,
            "now_ns": visit.source.now_ns(),
            "articles": articles,
            "left_out": found.left_out,
            "has_unknown": found.has_unknown,
            "too_large": too_large,
            "most_instances": MOST_INSTANCES,
            "most_bytes": MOST_BYTES,
            "style": Markup(visit.renderer.style),  # noqa: S704 - it is ours
        },
    )


@dataclass(frozen=True)
class _Chosen:
    """The instances of a page, and how many have no room in it."""

    instances: Sequence[KnownInstance]
    left_out: int
    has_unknown: bool
    """Whether some of those that are left out may have started others, which are not counted."""


async def _chosen(visit: Visit, instance_id: str) -> _Chosen:
    """Read an instance and what it started, down the tree: first what failed, then what lives, then the rest."""
    instances = [await read_instance(visit, instance_id)]
    waiting: list[tuple[int, int, TreeNode]] = []
    seen = {instance_id}

    def add(nodes: Iterable[TreeNode]) -> None:
        for node in nodes:
            if node.status is not None and node.instance_id not in seen:
                seen.add(node.instance_id)
                heappush(waiting, (node.rank, len(seen), node))

    add(instances[0].node.children)
    while waiting and len(instances) < MOST_INSTANCES:
        with contextlib.suppress(PageError):  # one that is no longer kept
            instances.append(await read_instance(visit, heappop(waiting)[2].instance_id))
            add(instances[-1].node.children)
    left_out = {node.instance_id: node for _, _, top in waiting for node in top.all()}
    return _Chosen(instances, len(left_out), any(not node.is_read for node in left_out.values()))


async def _article(visit: Visit, instance: KnownInstance, anchors: Mapping[str, str]) -> str:
    """Return an instance as its page shows it, without what asks a server for more."""
    count = len(instance.events)
    first = max(1, count - MOST_EVENTS + 1)
    file = await _history_file(visit, str(instance.state.instanceId))

    def url(_hub: str, instance_id: str, *parts: str, **_query: Any) -> str:
        if parts == ("history.json",):
            return file
        return f"#{anchors[instance_id]}" if instance_id in anchors else "#"

    own = dataclasses.replace(visit, arguments={"id": str(instance.state.instanceId)})
    values = await values_of(own, instance)
    values |= {
        "hub": visit.hub,
        "read_only": True,
        "token": "",
        "can_again": set(),
        "can_replay": False,
        "payloads": [(title, Payload(payload.text)) for title, payload in values["payloads"]],
        "rows": rows_of(instance.events, first, MOST_EVENTS, instance.repeats),
        "first": first,
        "page_size": count,
        "raw_url": lambda _number: "",
        "instance_url": url,
        "history_file": file,
    }
    return visit.renderer.live_part("instance.html", values)


async def _history_file(visit: Visit, instance_id: str) -> str:
    """Return the history, without secrets, as an address that holds it; empty if there is none, or too much of it."""
    try:
        document = json.dumps(_without_secrets(await history_document(visit, instance_id)), ensure_ascii=False)
    except PageError:
        return ""
    content = document.encode("utf-8", "replace")
    if len(content) > MOST_FILE_BYTES:
        return ""
    return f"data:application/json;base64,{base64.b64encode(content).decode()}"


def _without_secrets(value: Any) -> Any:
    """Return a part of a document with its secrets blanked: what is in a file goes further than what a page shows."""
    if isinstance(value, str):
        return blanked(value)
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    return {name: _without_secrets(one) for name, one in value.items()} if isinstance(value, dict) else value


ROUTES = (PageRoute("GET", (ORCHESTRATIONS, "{id}", "trace.html"), show, ORCHESTRATIONS),)
