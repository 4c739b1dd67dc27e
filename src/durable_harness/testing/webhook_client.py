"""The durable HTTP API of a deployment, read: the status of instances, their histories, their children."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from durable_harness.documents import parse_json
from durable_harness.operations import HttpResponse, redact_keys
from durable_harness.testing.requesting import NOTHING, HttpClient
from durable_harness.wording.foreign_text import shown

PATH = "/runtime/webhooks/durabletask"
GONE = 410
MOST_REFUSAL_CHARS = 4_000
OK_STATUSES = frozenset({200, 202})
REFUSED_STATUSES = frozenset({401, 403})
STATES = ("Pending", "Running", "Suspended", "Completed", "Failed", "Terminated", "Canceled", "ContinuedAsNew")
TERMINAL_STATES = frozenset({"Completed", "Failed", "Terminated", "Canceled"})
MAX_INSTANCES = 50
"""The largest tree of instances that is read."""

HistoryRow = dict[str, Any]
"""One entry of a history as the durable HTTP API returns it in `historyEvents`: a dict with EventType, Timestamp,
FunctionName, …"""
InstanceStatus = dict[str, Any]
"""The status of an instance as the durable HTTP API returns it: a dict with runtimeStatus, input, output, customStatus,
createdTime, …"""


@dataclass
class Instance:
    """An orchestration instance at the time when it was read, with its sub-orchestrations."""

    instance_id: str
    """The ID of the instance."""
    status: InstanceStatus
    """Its status, as the durable HTTP API returns it."""
    history: list[HistoryRow] = field(default_factory=list)
    """Its history, in order."""
    children: list[Instance] = field(default_factory=list)
    """Its sub-orchestrations."""

    @property
    def state(self) -> str:
        """Its `runtimeStatus`, such as "Running"."""
        return str(self.status.get("runtimeStatus"))

    @property
    def has_ended(self) -> bool:
        """Whether it has completed, failed, or been terminated or canceled."""
        return self.state in TERMINAL_STATES

    def walk(self) -> Iterator[Instance]:
        """Yield this instance and all instances below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def as_json(self) -> dict[str, Any]:
        """Return the instance with its history and its sub-orchestrations as a JSON object."""
        children = [child.as_json() for child in self.children]
        return {**self.status, "historyEvents": self.history, "subOrchestrations": children}


class Webhook:
    """Calls the durable HTTP API with the key that an operation's own status URL carries, or with the stack's."""

    def __init__(self, client: HttpClient, status_url: str | None = None) -> None:
        parts = urlsplit(status_url or "")
        before, found, _ = parts.path.partition(f"{PATH}/instances/")
        self._client = client
        self._base = f"{parts.scheme}://{parts.netloc}{before}{PATH}" if found else PATH
        self._query = parts.query if found else ""
        self.refusal: int | None = None
        """The status of the last answer, if that was a refusal of the key."""
        self.problem = ""
        """Why the last answer cannot be read; empty if it can, or if it has nothing to read."""

    def read(self, instance_id: str, timeout_s: float | None = None) -> Instance | None:
        """Return an instance and its history, without its children; None if it is unknown or there is no answer."""
        query = {"showInput": "true", "showHistory": "true", "showHistoryOutput": "true"}
        found = self._get(f"/instances/{quote(instance_id, safe='')}", query, timeout_s)
        if not isinstance(found, dict):
            return None
        history = found.pop("historyEvents", None) or []
        return Instance(instance_id, found, [row for row in history if isinstance(row, dict)])

    def read_document(self, instance_id: str, timeout_s: float | None = None) -> dict[str, Any] | None:
        """Return an instance's history as a document to replay later; None if the host has no such endpoint."""
        found = self._get(f"/instances/{quote(instance_id, safe='')}/history", {}, timeout_s)
        return found if isinstance(found, dict) and "events" in found else None

    def read_tree(self, instance_id: str, timeout_s: float | None = None) -> Instance | None:
        """Return an instance and its history, with its sub-orchestrations below it."""
        root = self.read(instance_id, timeout_s)
        unread, count = [root] if root else [], 0
        while unread and count < MAX_INSTANCES:
            instance = unread.pop(0)
            instance.children = self._children(instance, timeout_s)
            count += 1 + len(instance.children)
            unread += instance.children
        return root

    def send(self, instance_id: str, action: str, payload: Any = NOTHING) -> HttpResponse:
        """POST an action on an instance (`terminate`, `raiseEvent/NAME`, …); fail unless it is accepted."""
        __tracebackhide__ = True
        url = self._url(f"/instances/{quote(instance_id, safe='')}/{action}", {})
        answer = self._client.request("POST", url, payload)
        if not isinstance(answer, HttpResponse) or answer.status not in OK_STATUSES:
            if isinstance(answer, HttpResponse) and answer.status == GONE:
                raise AssertionError(self._ended(instance_id, action))
            answered = (
                f"{answer.status} {answer.body.decode(errors='replace')}"
                if isinstance(answer, HttpResponse)
                else answer
            )
            refused = f"{action.partition('?')[0]} of {instance_id} was not accepted: {answered}"
            raise AssertionError(shown(redact_keys(refused), MOST_REFUSAL_CHARS))
        return answer

    def _ended(self, instance_id: str, action: str) -> str:
        """Return how an instance ended, for an action that came too late."""
        found = self.read(instance_id)
        too_late = f"nothing takes {unquote(action.partition('?')[0])} any longer; instance {instance_id}"
        if found is None:
            return f"the operation has ended: {too_late}"
        output = found.status.get("output")
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
        ended = f"{found.status.get('name')} has ended, {found.state} at {found.status.get('lastUpdatedTime')}"
        message = f"{ended}, with output {text}: {too_late}"
        return shown(redact_keys(message), MOST_REFUSAL_CHARS)

    def _children(self, parent: Instance, timeout_s: float | None) -> list[Instance]:
        rows = [row for row in parent.history if str(row.get("EventType")).startswith("SubOrchestration")]
        if not rows:
            return []
        ids = {str(row["InstanceId"]) for row in rows if row.get("InstanceId")}
        if len(ids) < len(rows):
            ids |= self._told_children(parent, timeout_s) or self._find_children(parent, rows, timeout_s)
        found = [self.read(instance_id, timeout_s) for instance_id in sorted(ids)[:MAX_INSTANCES]]
        return [child for child in found if child is not None]

    def _told_children(self, parent: Instance, timeout_s: float | None) -> set[str]:
        """Return the ids of children as our host reports them; the Durable extension omits those of ended ones."""
        document = self.read_document(parent.instance_id, timeout_s) or {"events": ()}
        created = [event.get("subOrchestrationInstanceCreated") for event in document["events"]]
        return {str(child["instanceId"]) for child in created if child}

    def _find_children(self, parent: Instance, rows: list[HistoryRow], timeout_s: float | None) -> set[str]:
        """Find children by the ids that hosts make, `parent:0001`, or by name and input among those begun since."""
        prefix = f"{parent.instance_id}:"
        listed = self._list({"instanceIdPrefix": prefix}, timeout_s)
        own = {i for i in (str(status["instanceId"]) for status in listed) if ":" not in i[len(prefix) :]}
        if len(own) >= len(rows):
            return own
        wanted = [(row.get("FunctionName"), _comparable(row.get("Input"))) for row in rows]
        since = self._list({"createdTimeFrom": str(parent.status.get("createdTime"))}, timeout_s)
        return own | {
            str(status["instanceId"])
            for status in since
            if (status.get("name"), _comparable(status.get("input"))) in wanted
            and status["instanceId"] != parent.instance_id
        }

    def _list(self, query: dict[str, str], timeout_s: float | None) -> list[InstanceStatus]:
        found = self._get("/instances", {**query, "showInput": "true"}, timeout_s)
        return found if isinstance(found, list) else []

    def _get(self, path: str, query: dict[str, str], timeout_s: float | None) -> Any:
        answer = self._client.request("GET", self._url(path, query), timeout_s=timeout_s)
        self.problem = ""
        self.refusal = answer.status if isinstance(answer, HttpResponse) and answer.status in REFUSED_STATUSES else None
        if not isinstance(answer, HttpResponse) or answer.status not in OK_STATUSES:
            return None
        try:
            return parse_json(answer.body)
        except ValueError as error:
            self.problem = f"its answer is not JSON: {error}"
            return None

    def _url(self, path: str, query: dict[str, str]) -> str:
        words = "&".join(filter(None, [self._query, urlencode(query)]))
        base, _, asked = f"{self._base}{path}".partition("?")
        return f"{base}?{'&'.join(filter(None, [asked, words]))}".rstrip("?")


def _comparable(value: Any) -> str:
    """Return text that is equal for equal inputs, whether the API gave them as JSON or as a string of JSON."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            return str(value)
    return json.dumps(value, sort_keys=True)
