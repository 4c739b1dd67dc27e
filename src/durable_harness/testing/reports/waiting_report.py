"""What an orchestration that has not ended waits for, read from its status and its history."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from durable_harness.operations import HttpResponse
from durable_harness.testing.requesting import HttpClient
from durable_harness.testing.webhook_client import HistoryRow, Instance
from durable_harness.why import waiting_for

TIMINGS_PATH = "/admin/durable-harness/timings"
OUTSTANDING = {"TaskScheduled": "activity", "SubOrchestrationInstanceCreated": "sub-orchestration"}


def name_of(row: HistoryRow) -> str:
    """Return the name in a row of a history; empty if it has none."""
    return str(row.get("FunctionName") or row.get("Name") or "")


def moment_of(text: Any) -> datetime | None:
    """Return a time of the durable HTTP API; None if it is not a time."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def waiting_of(client: HttpClient, root: Instance, timeout_s: float) -> list[str]:
    """Return what an instance and those below it wait for, the cause first; empty if it has ended.

    A host of ours knows the names of external events; any other has only the history.
    """
    if root.has_ended:
        return []
    path = f"{TIMINGS_PATH}?instance={quote(root.instance_id, safe='')}"
    answer = client.request("GET", path, timeout_s=timeout_s)
    document = answer.json_object() if isinstance(answer, HttpResponse) and answer.is_success else None
    if document is not None and "events" in document:
        return waiting_for(document)
    waits = [(instance, line) for instance in root.walk() for line in waits_for(instance)]
    return [
        line if instance is root else f"{line} (in {instance.status.get('name')} {instance.instance_id})"
        for instance, line in reversed(waits)
    ]


def waits_for(instance: Instance) -> list[str]:
    """Return what an instance waits for; empty if it has ended."""
    if instance.has_ended:
        return []
    if instance.state == "Pending":
        return ["a host to take it: it was accepted, but no turn of it has run"]
    if instance.state == "Suspended":
        return ["a resume: it is suspended"]
    outstanding = [_since(row) for row in instance.history if row.get("EventType") in OUTSTANDING]
    outstanding += _timers(instance.history)
    return outstanding or ["an external event, or the end of its own turn: nothing it started is outstanding"]


def _since(row: HistoryRow) -> str:
    what = f"{OUTSTANDING[str(row['EventType'])]} {name_of(row)}"
    began = moment_of(row.get("Timestamp"))
    return f"{what}, scheduled {(datetime.now(UTC) - began).total_seconds():.1f} s ago" if began else what


def _timers(history: list[HistoryRow]) -> list[str]:
    """Return the timers that were created and have not fired, by the time at which they are due."""
    fired = Counter(row.get("FireAt") for row in history if row.get("EventType") == "TimerFired")
    open_timers = []
    for row in history:
        if row.get("EventType") == "TimerCreated":
            if fired[row.get("FireAt")] > 0:
                fired[row.get("FireAt")] -= 1
            else:
                open_timers.append(f"timer due {row.get('FireAt')}, or an external event before it")
    return open_timers
