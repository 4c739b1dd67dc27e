"""Why an orchestration failed, read from its status and history: the error, its function and its line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from durable_harness.testing.reports.waiting_report import name_of
from durable_harness.testing.webhook_client import HistoryRow, Instance
from durable_harness.wording.foreign_text import middle_cut
from durable_harness.wording.places import FAKE, place_in
from durable_harness.wording.tracebacks import folded_text

MOST_MESSAGE_CHARS = 300
QUOTES = frozenset("\"'")
_INTRODUCTION = re.compile(r"^(?:(?:Activity|Orchestrator|Entity) function '[^']*' failed: +)+")
_DESCRIBED = re.compile(r"(?P<type>[A-Za-z_][\w.]*): (?P<message>.*)", re.DOTALL)
_PLACE = re.compile(r" \((?:[\w.]+, )?(?P<place>[^()\n]+\.py:\d+)\)$")
_LAST_LINE = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")


@dataclass(frozen=True)
class Cause:
    """The error that failed an orchestration."""

    function: str
    error_type: str
    message: str
    place: str
    trace: str
    """The app's own frames, as lines of text; empty if they are not known."""

    def __str__(self) -> str:
        text = middle_cut(" ".join(self.message.split()), MOST_MESSAGE_CHARS)
        between = "" if not (self.error_type and text) else " " if text[0] in QUOTES else ": "
        where = f" ({self.place})" if self.place else ""
        return f"{self.error_type}{between}{text} in {self.function}{where}"


def cause_of(root: Instance) -> Cause | None:
    """Return the cause of a failed orchestration: a task whose failure it did not handle, or an error of its own."""
    if root.state != "Failed":
        return None
    output = root.status.get("output")
    text = output if isinstance(output, str) else ""
    for row in reversed(root.history):
        reason = str(row.get("Reason") or "")
        if not reason or _first_line(reason) not in text:
            continue
        if row.get("EventType") == "SubOrchestrationInstanceFailed":
            child = next((one for one in root.children if _is_failed_one(one, row)), None)
            return (child and cause_of(child)) or _cause(name_of(row), reason, row)
        if row.get("EventType") == "TaskFailed":
            return _cause(name_of(row), reason, row)
    ending = next((row for row in reversed(root.history) if row.get("EventType") == "ExecutionCompleted"), {})
    return _cause(str(root.status.get("name")), text or str(ending.get("Reason") or ""), ending)


def _is_failed_one(child: Instance, row: HistoryRow) -> bool:
    same = row.get("InstanceId") in {None, child.instance_id} and child.status.get("name") == name_of(row)
    return same and child.state == "Failed"


def _cause(function: str, reason: str, row: HistoryRow) -> Cause:
    """Read a failure: SDK 1.x has its type and place in the text, 2.x in the stack trace, Azure in either."""
    details = str(row.get("Details") or "")
    head = _INTRODUCTION.sub("", _first_part(reason))
    found = _PLACE.search(head.rstrip())
    place = found["place"] if found else ""
    head = head.rstrip()[: found.start()] if found else head
    described = _DESCRIBED.fullmatch(head.strip())
    error_type, message = (described["type"], described["message"]) if described else _last_of(details, head.strip())
    in_trace = place_in(details)
    is_faked = in_trace is not None and in_trace.function == FAKE
    return Cause(
        f"the fake of {function}" if is_faked else function,
        error_type.rpartition(".")[2],
        message.strip(),
        place or (str(in_trace) if in_trace else ""),
        folded_text(details),
    )


def _first_part(reason: str) -> str:
    """Return a message without the stack trace that SDK 1.x adds to it."""
    return reason.partition("\n Traceback (most recent call last):")[0]


def _first_line(text: str) -> str:
    return text.partition("\n")[0].strip()


def _last_of(details: str, message: str) -> tuple[str, str]:
    """Return type and message by the last line of a traceback, else the message alone."""
    lines = [line for line in details.splitlines() if line and not line[0].isspace()]
    found = _LAST_LINE.fullmatch(lines[-1]) if lines else None
    return (found["type"], message) if found else ("", message)
