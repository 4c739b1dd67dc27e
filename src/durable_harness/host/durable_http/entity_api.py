"""The part of the durable HTTP API that reads and signals entities."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from durable_harness.host.app.functions import FunctionApp
from durable_harness.host.durable_http.json_bodies import JsonBodies
from durable_harness.host.durable_http.messages import (
    CONTINUATION_HEADER,
    ApiError,
    ApiRequest,
    ApiResponse,
    json_response,
)
from durable_harness.host.durable_http.status_json import time_text
from durable_harness.host.payload_encoding import parse_or_text, wrap_json
from durable_harness.protocol import Scheduler, new_id, pb, unwrap_text, wrap_text

EMPTY_KEY = "$"
NAME_AND_KEY = 3


class EntityApi:
    """Answers `entities[/{name}[/{key}]]`."""

    def __init__(
        self, scheduler: Scheduler, app: FunctionApp, bodies: JsonBodies, *, others_may_have_it: bool = False
    ) -> None:
        self._others_may_have_it = others_may_have_it
        self._bodies = bodies
        self._scheduler = scheduler
        self._app = app

    def find(self, method: str, parts: list[str]) -> Callable[[ApiRequest, list[str]], Awaitable[ApiResponse]] | None:
        if method == "GET":
            return self._read if len(parts) == NAME_AND_KEY else self._list
        if len(parts) == 1:
            return None
        return {"POST": self._signal, "DELETE": self._delete}.get(method)

    async def _read(self, _request: ApiRequest, parts: list[str]) -> ApiResponse:
        key = "" if parts[2] == EMPTY_KEY else parts[2]
        query = pb.GetEntityRequest(instanceId=f"@{parts[1].lower()}@{key}", includeState=True)
        answer = await self._scheduler.get_entity(query)
        if not answer.exists:
            return ApiResponse(404)
        return json_response(parse_or_text(unwrap_text(answer.entity, "serializedState")))

    async def _list(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        fetch_state = request.query.boolean("fetchState", default=False)
        query = pb.EntityQuery(
            instanceIdStartsWith=wrap_text(f"@{parts[1].lower()}@" if len(parts) > 1 else "@"),
            includeState=fetch_state,
            continuationToken=wrap_text(request.headers.get(CONTINUATION_HEADER) or None),
        )
        if request.query.integer("top"):
            query.pageSize.value = max(request.query.integer("top") or 0, 1)
        for name, target in (
            ("lastOperationTimeFrom", query.lastModifiedFrom),
            ("lastOperationTimeTo", query.lastModifiedTo),
        ):
            moment = request.query.moment(name)
            if moment is not None:
                target.FromDatetime(moment)
        page = await self._scheduler.query_entities(pb.QueryEntitiesRequest(query=query))
        rows = [_row(entity) for entity in page.entities]
        return json_response(rows, 200, {CONTINUATION_HEADER: page.continuationToken.value})

    async def _signal(self, request: ApiRequest, parts: list[str]) -> ApiResponse:
        await self._send(parts, request.query.text("op") or "", self._input(request))
        return ApiResponse(202)

    async def _delete(self, _request: ApiRequest, parts: list[str]) -> ApiResponse:
        await self._send(parts, "delete", None)
        return ApiResponse(202)

    async def _send(self, parts: list[str], operation: str, input_text: str | None) -> None:
        name, key = parts[1].lower(), parts[2] if len(parts) == NAME_AND_KEY else ""
        if name not in self._app.entities and not self._others_may_have_it:
            known = ", ".join(f"'{f.durable_name}'" for f in self._app.entities.values()) or "none"
            raise ApiError(
                400,
                f"The function '{parts[1]}' doesn't exist, is disabled, or is not an entity function. The following are"
                f" the known entity functions: {known}.",
            )
        if any(character in key for character in "/\\?#") or any(ord(character) < 32 for character in key):  # noqa: PLR2004
            raise ApiError(400, "Entity keys must not contain '/', '\\', '#', '?', or control characters.")
        await self._scheduler.signal_entity(
            pb.SignalEntityRequest(
                instanceId=f"@{name}@{key}",
                name=operation,
                input=wrap_text(input_text),
                requestId=new_id(),
            )
        )

    def _input(self, request: ApiRequest) -> str | None:
        """Return an operation's input: JSON as it came, any other content as text, encoded as the SDK's client does."""
        if not request.body:
            return None
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            text = json.dumps(request.body.decode("utf-8-sig", errors="replace"))
            return text if self._app.is_passthrough else wrap_json(text)
        try:
            return self._bodies.read("input", request.body)
        except ValueError as error:
            raise ApiError(400, f"Could not parse the body as JSON: {error}") from error


def _row(entity: pb.EntityMetadata) -> dict[str, object]:
    name, _, key = entity.instanceId.removeprefix("@").partition("@")
    return {
        "entityId": {"name": name, "key": key},
        "lastOperationTime": time_text(entity.lastModifiedTime),
        "state": parse_or_text(unwrap_text(entity, "serializedState")),
    }
