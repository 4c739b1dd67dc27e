"""Warnings before a limit is reached: payloads, histories and custom statuses that grow, once for each function.

Each is logged, and kept for the reports of load runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from google.protobuf.message import Message

from durable_harness.host.custom_status import MOST_BYTES, size_of
from durable_harness.logs.categories import HOST_LOGGER, about
from durable_harness.logs.own_loggers import own_logger
from durable_harness.protocol import MAX_PAYLOAD_BYTES, pb
from durable_harness.protocol.costs import payload_size

logger = own_logger(HOST_LOGGER)

HALF_PAYLOAD_BYTES = MAX_PAYLOAD_BYTES // 2
HALF_PAYLOAD_CHARS = HALF_PAYLOAD_BYTES // 4
"""A text of this length has no more than half of the bytes, whatever its characters are."""
HALF_STATUS_BYTES = MOST_BYTES // 2
WARNED_EVENTS = 1_000


class NamedFunction(Protocol):
    """A function as the warnings name it. `FunctionApp` has a field of the class below, so it cannot be named here."""

    @property
    def name(self) -> str: ...

    @property
    def durable_name(self) -> str: ...


class NearLimits:
    """What came near a limit, by function and kind. Any thread may report to it."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str], str] = {}

    @property
    def texts(self) -> list[str]:
        return list(self._noted.values())

    def has_noted_history(self, function: NamedFunction) -> bool:
        return (function.name, "history") in self._noted

    def turn(self, function: NamedFunction, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse) -> None:
        """Look at a turn: an OrchestratorRequest and its OrchestratorResponse. Small ones cost their two sizes only."""
        if request.ByteSize() > HALF_PAYLOAD_BYTES:
            for event in request.newEvents:
                kind = event.WhichOneof("eventType")
                if kind in EVENT_PAYLOADS:
                    self._payload(function, EVENT_PAYLOADS[kind], event, kind)
        if response.ByteSize() > HALF_STATUS_BYTES // 2:
            self._status(function, size_of(response.customStatus.value))
            for action in response.actions:
                kind = action.WhichOneof("orchestratorActionType")
                if kind is not None:
                    self._payload(function, ACTION_PAYLOADS.get(kind, "what it sends"), action, kind)

    def texts_of(self, function: NamedFunction, **texts: str | None) -> None:
        """Look at texts of an activity, or of an entity, by what they are. Small ones cost their lengths only."""
        given = {what: text for what, text in texts.items() if text is not None}
        if sum(map(len, given.values())) > HALF_PAYLOAD_CHARS:
            for what, text in given.items():
                self._text(function, f"its {what}", text)

    def history(self, function: NamedFunction, instance_id: str, events: int, replay_ms: float) -> None:
        """Look at a history that was just replayed whole."""
        if events > WARNED_EVENTS and not self.has_noted_history(function):
            self._note(
                function,
                "history",
                f"Orchestrator '{function.durable_name}': a history of {events:,} events (instance '{instance_id}'). To"
                f" replay it took {replay_ms:,.1f} ms here, and Azure replays it in every turn. Call continue_as_new"
                " before a history grows that long, or split the work between sub-orchestrations.",
            )

    def _status(self, function: NamedFunction, size_bytes: int) -> None:
        if size_bytes > HALF_STATUS_BYTES:
            self._note(
                function,
                "status",
                f"Orchestrator '{function.durable_name}': a custom status of {size_bytes:,} bytes of UTF-16, over half"
                f" of the {MOST_BYTES:,} that Azure takes.",
            )

    def _payload(self, function: NamedFunction, what: str, message: Message, kind: str) -> None:
        for text in _texts_in(getattr(message, kind)):
            self._text(function, what, text)

    def _text(self, function: NamedFunction, what: str, text: str) -> None:
        if len(text) <= HALF_PAYLOAD_CHARS:
            return
        size_bytes = payload_size(text)
        if size_bytes > HALF_PAYLOAD_BYTES:
            self._note(
                function,
                "payload",
                f"Function '{function.durable_name}': {what} has {size_bytes:,} bytes, over half of the"
                f" {MAX_PAYLOAD_BYTES:,} that Azure takes. Keep large data elsewhere and pass a reference to it.",
            )

    def _note(self, function: NamedFunction, kind: str, text: str) -> None:
        if self._noted.setdefault((function.name, kind), text) is text:
            logger.warning("%s", text, extra=about(function.name))


EVENT_PAYLOADS = {"executionStarted": "its input", "eventRaised": "an event"}
ACTION_PAYLOADS = {
    "scheduleTask": "the input of an activity that it calls",
    "createSubOrchestration": "the input of a sub-orchestration that it calls",
    "completeOrchestration": "its output",
}


def _texts_in(detail: Message) -> Iterator[str]:
    """Yield the payloads of an event or an action."""
    for name in ("input", "result", "data"):
        value = getattr(detail, name, None)
        if value is not None and detail.HasField(name):
            yield value.value
    kind = detail.WhichOneof("EntityMessageType") if "EntityMessageType" in detail.DESCRIPTOR.oneofs_by_name else None
    if kind is not None:
        yield from _texts_in(getattr(detail, kind))
