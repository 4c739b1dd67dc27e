"""Events that a test promises: its host raises them whenever the orchestration waits for them."""

from __future__ import annotations

import json
from typing import Any

from durable_harness.errors import UsageError
from durable_harness.operations import HttpResponse, NoResponse
from durable_harness.testing.requesting import HttpClient

PATH = "/admin/durable-harness/responses"
OK, BAD_REQUEST, NOT_FOUND = 200, 400, 404


class EventResponse:
    """An event that is raised each time an orchestration waits for it. `Operations.respond` returns it.

    It stays active until `end`, until the end of the test, or until it has been raised `times` times.
    """

    def __init__(self, client: HttpClient, number: int, event: str) -> None:
        self._client = client
        self._url = f"{PATH}/{number}"
        self._event = event

    def __repr__(self) -> str:
        return f"<response to {self._event}>"

    @property
    def count(self) -> int:
        """How often the event was raised so far."""
        return int(_document(self._client.request("GET", self._url), self._event)["count"])

    @property
    def event(self) -> str:
        """The name of the event."""
        return self._event

    @property
    def count_or_none(self) -> int | None:
        """How often the event was raised so far; None if the host or the response has ended."""
        answer = self._client.request("GET", self._url)
        found = answer.json_object() if isinstance(answer, HttpResponse) and answer.is_success else None
        return None if found is None else int(str(found["count"]))

    def end(self) -> None:
        """Stop raising the event."""
        self._client.request("DELETE", self._url)


class Promises:
    """The events that one test has promised, on a host of ours."""

    def __init__(self, client: HttpClient, stack_name: str, *, is_ours: bool) -> None:
        self._client = client
        self._stack_name = stack_name
        self._is_ours = is_ours
        self._made: list[EventResponse] = []

    def make(self, payload: Any, event: str, times: int | None, instance_id: str | None) -> EventResponse:
        """Promise an event to an instance and those below it, or to all."""
        __tracebackhide__ = True
        if not self._is_ours:
            raise UsageError(
                f"The host of the {self._stack_name} stack raises no events for a test. Raise them with raise_event, or"
                " run this test with --stack embedded or emulator, whose host does."
            )
        if not isinstance(event, str) or not event:
            raise UsageError(f"respond(to={event!r}): to is {event!r}; expected the name of an event.")
        if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
            raise UsageError(f"respond(to={event!r}): times is {times!r}; expected a whole number from 1, or None.")
        try:
            json.dumps(payload)
        except (TypeError, ValueError) as error:
            raise UsageError(f"respond(to={event!r}): {payload!r} is no JSON ({error}), as an event must be.") from None
        wanted = {"event": event, "payload": payload, "times": times, "instance": instance_id}
        number = _document(self._client.request("POST", PATH, wanted), event)["number"]
        self._made.append(EventResponse(self._client, int(number), event))
        return self._made[-1]

    def unused(self) -> list[str]:
        """Return the events that nothing waited for."""
        return [response.event for response in self._made if response.count_or_none == 0]

    def end(self) -> None:
        """End all of them."""
        while self._made:
            self._made.pop().end()


def _document(answer: HttpResponse | NoResponse, event: str) -> dict[str, Any]:
    """Return what the host answered. Raises UsageError for what a test must say differently."""
    __tracebackhide__ = True
    status = answer.status if isinstance(answer, HttpResponse) else None
    document = (answer.json_object() or {}) if isinstance(answer, HttpResponse) else {"error": answer.reason}
    if status in {BAD_REQUEST, NOT_FOUND}:
        raise UsageError(f"respond(to={event!r}): {document.get('error')}")
    if status != OK:
        raise AssertionError(f"respond(to={event!r}) was answered with {status or 'nothing'}: {document.get('error')}")
    return document
