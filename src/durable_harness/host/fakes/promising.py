"""The endpoints by which a test promises events: `/admin/durable-harness/responses`.

POST    {"event": "approval", "payload": …, "instance": "ID", "times": 1} -> {"number": N}; without an instance the
        event is raised for every orchestration that comes to wait for it, without times as often as that
GET     /NUMBER -> {"count": …}
DELETE  /NUMBER
"""

from __future__ import annotations

from collections.abc import Mapping

from durable_harness.host.durable_http.messages import ApiResponse, json_response
from durable_harness.host.durable_http.timings_endpoint import HostNotes
from durable_harness.host.fakes.responses import Response, Responses
from durable_harness.protocol import RpcError, RpcStatus, Scheduler

EXPECTED = 'expected a JSON object such as {"event": "approval", "payload": true, "instance": "ID", "times": 1}'


async def promise(
    responses: Responses, scheduler: Scheduler, notes: HostNotes, given: Mapping[str, object]
) -> ApiResponse:
    """Answer an event from now on: 200, 400 if it is not one, 404 for an unknown instance, 502 if it is not shown."""
    event, times, instance_id = given.get("event"), given.get("times"), given.get("instance")
    if not isinstance(event, str) or not event or not isinstance(instance_id, str | None):
        return json_response({"error": f'"event" or "instance" is not a name; {EXPECTED}.'}, 400)
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        return json_response(
            {"error": f'"times" is {times!r}, expected a whole number of at least 1; {EXPECTED}.'}, 400
        )
    try:
        async with responses.at_rest:
            response = responses.add(event, given.get("payload"), times, instance_id)
            if instance_id is not None:
                await _answer_waiting(responses, response, scheduler, notes, instance_id)
    except RpcError as error:
        return json_response({"error": str(error)}, 404 if error.status is RpcStatus.NOT_FOUND else 502)
    return json_response({"number": response.number})


async def _answer_waiting(
    responses: Responses, response: Response, scheduler: Scheduler, notes: HostNotes, instance_id: str
) -> None:
    """Answer an instance, and those below it, that have begun to wait before they were promised anything."""
    try:
        document = await scheduler.instance_timings(instance_id)
        await notes.awaiting.add_to(document, scheduler, most=None)
        await responses.answer_waiting(document)
    except RpcError:
        responses.end(response.number)
        raise


def promised(responses: Responses, number: str) -> ApiResponse:
    """Answer how often it was raised; 404 if it has ended."""
    response = responses.get(int(number)) if number.isdecimal() else None
    if response is None:
        return json_response(
            {"error": f"There is no response {number}: it has ended, or the host is another one."}, 404
        )
    return json_response({"count": response.count})


def end(responses: Responses, number: str) -> ApiResponse:
    """Raise it no more."""
    if number.isdecimal():
        responses.end(int(number))
    return ApiResponse(204)
