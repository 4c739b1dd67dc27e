"""The admin API: the host's state, its functions, running one by hand, and what is ours: captured outputs, inputs.

GET  /admin/host/status
GET  /admin/functions                              all functions, whatever their trigger, disabled ones too
GET  /admin/functions/NAME
POST /admin/functions/NAME                         run it: {"input": …}; answers 202 at once
POST /admin/durable-harness/functions/NAME         run it and answer how it ended and what it wrote
GET  /admin/durable-harness/outputs?since_ns=N     what functions wrote to their output bindings
GET  /admin/durable-harness/starts?since_ns=N      which instances were started through this host
GET  /admin/durable-harness/orchestrators          their names
POST /admin/durable-harness/inputs                 give an input binding a value: {"name": …, "value": …}
DELETE /admin/durable-harness/inputs/NUMBER        take it back
POST /admin/durable-harness/responses              raise an event when it is waited for: `fakes.promising`
GET  /admin/durable-harness/responses/NUMBER       how often it was
DELETE /admin/durable-harness/responses/NUMBER     end that
POST /admin/durable-harness/operations             `durable_http.measuring`
GET  /admin/durable-harness/timings?instance=ID    `durable_http.timings`
GET  /admin/durable-harness/twice                  what became of work that was delivered twice: `twice_report`
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from aiohttp import web

from durable_harness.host.app.functions import Function, FunctionApp
from durable_harness.host.app.routes import route_of
from durable_harness.host.durable_http import measuring_endpoint
from durable_harness.host.durable_http.messages import ApiResponse, json_response
from durable_harness.host.durable_http.timings_endpoint import HostNotes, instance_timings
from durable_harness.host.fakes import promising
from durable_harness.host.fakes.responses import Responses
from durable_harness.host.triggers import Triggers, UnusableValueError
from durable_harness.host.triggers.by_hand import Run
from durable_harness.host.triggers.starts import StartsNoted
from durable_harness.host.twice.twice_records import TwiceRecords
from durable_harness.protocol import is_too_deep

FUNCTIONS = "/admin/functions"
OWN = "/admin/durable-harness"
EXPECTED_RUN = 'expected nothing or a JSON object such as {"input": "…"}'
EXPECTED_INPUT = 'expected a JSON object such as {"name": "…", "value": …}'
Read = Callable[[], Awaitable[bytes]]


class BadBodyError(ValueError):
    """Raised for a body that is not what a call expects, with what it expects."""


class Given(NamedTuple):
    """The members of a request's body."""

    members: Mapping[str, object]

    def value(self, name: str) -> object:
        """Return a member: bytes if `encoding` is base64, of a list also for each item by itself.

        Raises BadBodyError if it is not that.
        """
        value, encoding = self.members.get(name), self.members.get("encoding")
        if not isinstance(encoding, list):
            return _decoded(name, value, encoding)
        if not isinstance(value, list) or len(value) != len(encoding):
            raise BadBodyError(f'"encoding" is a list, so "{name}" must be one of the same length.')
        return [_decoded(name, item, how) for item, how in zip(value, encoding, strict=True)]


def _decoded(name: str, value: object, encoding: object) -> object:
    if encoding is None:
        return value
    if encoding != "base64":
        raise BadBodyError(f'"encoding": expected "base64" or nothing, got {encoding!r}.')
    try:
        return base64.b64decode(str(value), validate=True)
    except ValueError as error:
        raise BadBodyError(f'"{name}" is not base64, as "encoding" requires.') from error


Trace = Callable[[str], Awaitable[str | None]]
"""Returns the page of an instance, None if there is no such instance."""
DASHBOARD_HEADER = "Durable-Harness-Dashboard"
"""Of a trace: where the instance can be seen as long as its host runs."""
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
"""Of a page that is sent from the host's own origin: it may do nothing there but look well."""


class AdminApi:
    """Answers requests below /admin, whose sender is known to be allowed to ask."""

    def __init__(  # noqa: PLR0913 - what it answers about
        self,
        app: FunctionApp,
        triggers: Triggers,
        scheduler: StartsNoted,
        notes: HostNotes,
        body_limit_bytes: int,
        *,
        responses: Responses,
        route_prefix: str,
        twice: TwiceRecords | None = None,
    ) -> None:
        self._twice = twice
        self._responses = responses
        self._notes = notes
        self._app = app
        self.trace: Trace | None = None
        """Makes an instance's page as one file. It is set by the owner of the host."""
        self.dashboard_url: Callable[[str], str] | None = None
        """Returns the address at which a dashboard shows an instance; None if there is no dashboard."""
        self._route_prefix = f"/{route_prefix}" if route_prefix else ""
        self._triggers = triggers
        self._scheduler = scheduler
        self._body_limit_bytes = body_limit_bytes
        self._started = time.monotonic()

    async def handle(self, request: web.BaseRequest, path: str) -> ApiResponse:
        """Answer a request; `path` has no slash at its end."""
        if (request.content_length or 0) > self._body_limit_bytes:
            return ApiResponse(413)
        where, _, name = path.rpartition("/")
        method = request.method
        try:
            if (method, path.lower()) in self._fixed:
                return await self._fixed[method, path.lower()](self, request)
            if (method, where.lower()) in self._named:
                return await self._named[method, where.lower()](self, request, name)
        except (BadBodyError, UnusableValueError) as error:
            return json_response({"error": str(error)}, 400)
        return ApiResponse(404)

    # -- as in Azure --------------------------------------------------------------------------------------------------

    async def _status(self, _request: web.BaseRequest) -> ApiResponse:
        return json_response(
            {
                "id": measuring_endpoint.MEASURED_BY,
                "state": "Running",
                "version": "4.0",
                "versionDetails": measuring_endpoint.MEASURED_BY,
                "processUptime": int((time.monotonic() - self._started) * 1000),
                "functionAppContentEditingState": "NotAllowed",
            }
        )

    async def _functions(self, request: web.BaseRequest) -> ApiResponse:
        return json_response([self._description(function, request) for function in self._app.all])

    async def _function(self, request: web.BaseRequest, name: str) -> ApiResponse:
        function = self._triggers.runs.find(name)
        return json_response(self._description(function, request)) if function else self._unknown(name)

    def _description(self, function: Function, request: web.BaseRequest) -> dict[str, object]:
        return {**_description(function), "invoke_url_template": self._url_template(function, request)}

    def _url_template(self, function: Function, request: web.BaseRequest) -> str | None:
        is_broken = any(one.name == function.name for one in self._app.broken)
        if is_broken or function.trigger_type.lower() != "httptrigger":
            return None
        return f"{request.scheme}://{request.host}{self._route_prefix}/{route_of(function)}"

    async def _run(self, request: web.BaseRequest, name: str) -> ApiResponse:
        run = await self._prepared(request, name)
        if run is None:
            return self._unknown(name)
        self._triggers.runs.start(run)
        return ApiResponse(202)

    # -- ours ---------------------------------------------------------------------------------------------------------

    async def _run_to_its_end(self, request: web.BaseRequest, name: str) -> ApiResponse:
        run = await self._prepared(request, name)
        if run is None:
            return self._unknown(name)
        ending = await asyncio.shield(self._triggers.runs.start(run))  # it continues if its client goes away
        failure, returned = ending.failure, ending.returned
        return json_response(
            {
                "function": run.function.name,
                "invocationId": run.invocation_id,
                "failure": {"description": failure.description, "trace": failure.trace} if failure else None,
                "returned": returned.as_json() if returned else None,
                "outputs": [written.as_json() for written in self._triggers.outputs.of(run.invocation_id)],
            }
        )

    async def _outputs(self, request: web.BaseRequest) -> ApiResponse:
        since_ns, outputs = _since_ns(request), self._triggers.outputs
        return json_response(
            {
                "outputs": [written.as_json() for written in outputs.since(since_ns)],
                "wereDropped": outputs.dropped_at_ns is not None and outputs.dropped_at_ns >= since_ns,
                "bindings": self._triggers.output_bindings(),
            }
        )

    async def _orchestrators(self, _: web.BaseRequest) -> ApiResponse:
        return json_response({"orchestrators": sorted(one.durable_name for one in self._app.orchestrators.values())})

    async def _starts(self, request: web.BaseRequest) -> ApiResponse:
        starts = self._scheduler.since(_since_ns(request))
        return json_response({"starts": [{"id": one.instance_id, "name": one.orchestrator} for one in starts]})

    async def _give(self, request: web.BaseRequest) -> ApiResponse:
        given = _members(await request.read(), EXPECTED_INPUT)
        name = given.members.get("name")
        if not isinstance(name, str) or not name:
            raise BadBodyError(f'"name" is missing; {EXPECTED_INPUT}.')
        self._triggers.check_input_name(name)
        return json_response({"number": self._triggers.inputs.give(name, given.value("value"))})

    async def _take_back(self, _request: web.BaseRequest, number: str) -> ApiResponse:
        if number.isdecimal():
            self._triggers.inputs.take_back([int(number)])
        return ApiResponse(204)

    async def _respond(self, request: web.BaseRequest) -> ApiResponse:
        given = _members(await request.read(), promising.EXPECTED).members
        return await promising.promise(self._responses, self._scheduler, self._notes, given)

    async def _responded(self, _request: web.BaseRequest, number: str) -> ApiResponse:
        return promising.promised(self._responses, number)

    async def _respond_no_more(self, _request: web.BaseRequest, number: str) -> ApiResponse:
        return promising.end(self._responses, number)

    async def _measure(self, request: web.BaseRequest) -> ApiResponse:
        warnings = self._app.near_limits.texts
        return await measuring_endpoint.measure_operations(self._scheduler, await request.read(), warnings)

    async def _timings(self, request: web.BaseRequest) -> ApiResponse:
        return await instance_timings(self._scheduler, self._notes, request.rel_url.query.get("instance", ""))

    async def _report_twice(self, _request: web.BaseRequest) -> ApiResponse:
        if self._twice is None:
            return json_response({"error": "This host delivers nothing twice: start it with serve --twice."}, 404)
        return json_response(self._twice.report())

    async def _trace(self, request: web.BaseRequest) -> ApiResponse:
        instance_id = request.rel_url.query.get("instance", "")
        text = None if self.trace is None else await self.trace(instance_id)
        if text is None:
            return json_response({"error": f"There is no instance '{instance_id}'.", "instance": instance_id}, 404)
        link = {} if self.dashboard_url is None else {DASHBOARD_HEADER: self.dashboard_url(instance_id)}
        return ApiResponse(200, text.encode("utf-8", "replace"), PAGE_HEADERS | link)

    async def _prepared(self, request: web.BaseRequest, name: str) -> Run | None:
        function = self._triggers.runs.find(name)
        if function is None:
            return None
        given = _members(await request.read() or b"{}", EXPECTED_RUN)
        metadata = given.members.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise BadBodyError('"metadata" is not a JSON object such as {"DequeueCount": 5}.')
        try:
            return self._triggers.runs.prepare(function, given.value("input"), metadata)
        except UnusableValueError as error:
            raise UnusableValueError(f"Function '{function.name}' ({function.trigger_type}): {error}") from error

    def _unknown(self, name: str) -> ApiResponse:
        known = ", ".join(function.name for function in self._app.all)
        return json_response({"error": f"There is no function '{name}'. Known ones: {known}."}, 404)

    _fixed: Mapping[tuple[str, str], Callable[[AdminApi, web.BaseRequest], Awaitable[ApiResponse]]] = {
        ("GET", "/admin/host/status"): _status,
        ("GET", FUNCTIONS): _functions,
        ("GET", f"{OWN}/outputs"): _outputs,
        ("GET", f"{OWN}/starts"): _starts,
        ("GET", f"{OWN}/orchestrators"): _orchestrators,
        ("POST", f"{OWN}/inputs"): _give,
        ("POST", f"{OWN}/responses"): _respond,
        ("POST", measuring_endpoint.PATH): _measure,
        ("GET", f"{OWN}/timings"): _timings,
        ("GET", f"{OWN}/trace"): _trace,
        ("GET", f"{OWN}/twice"): _report_twice,
    }
    _named: Mapping[tuple[str, str], Callable[[AdminApi, web.BaseRequest, str], Awaitable[ApiResponse]]] = {
        ("GET", FUNCTIONS): _function,
        ("POST", FUNCTIONS): _run,
        ("POST", f"{OWN}/functions"): _run_to_its_end,
        ("DELETE", f"{OWN}/inputs"): _take_back,
        ("GET", f"{OWN}/responses"): _responded,
        ("DELETE", f"{OWN}/responses"): _respond_no_more,
    }


def _since_ns(request: web.BaseRequest) -> int:
    since = request.rel_url.query.get("since_ns", "0")
    if not (since.isascii() and since.isdecimal()):
        raise BadBodyError(f"since_ns: expected a whole number of nanoseconds, got {since!r}.")
    return int(since)


def _members(body: bytes, expected: str) -> Given:
    try:
        text = body.decode("utf-8-sig")
        document = None if is_too_deep(text) else json.loads(text)
    except ValueError as error:
        raise BadBodyError(f"The body is not JSON; {expected}.") from error
    if not isinstance(document, dict):
        raise BadBodyError(f"The body is not a JSON object, or nested too deep; {expected}.")
    return Given(document)


def _description(function: Function) -> dict[str, object]:
    return {
        "name": function.name,
        # By JSON and back: what a decorator left in a binding that JSON has not is shown as text.
        "config": {"bindings": json.loads(json.dumps(function.bindings, default=str))},
        "isDisabled": function.disabled_by is not None,
    }
