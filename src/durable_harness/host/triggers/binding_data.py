"""What a trigger brings for binding expressions: metadata, the members of a JSON body, the parts of a request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from durable_harness.host.app.functions import Function
from durable_harness.host.app.invocation import ActivitySource
from durable_harness.host.payload_encoding import parse_or_text

SYSTEM_QUERY = "code"
"""The key of a function in a query string is not a value for expressions."""
TIMES = frozenset(
    {
        "insertiontime",
        "expirationtime",
        "nextvisibletime",
        "enqueuedtimeutc",
        "expiresatutc",
        "expiresat",
        "lockeduntil",
        "timestamp",
    }
)
"""Metadata that are times, and so take a format."""
WITHOUT_PARAMETER = frozenset(
    {
        "httptrigger",
        "queuetrigger",
        "blobtrigger",
        "servicebustrigger",
        "eventhubtrigger",
        "kafkatrigger",
        "eventgridtrigger",
        "cosmosdbtrigger",
        "sqltrigger",
        "mysqltrigger",
        "timertrigger",
        "mcptooltrigger",
    }
)
"""Triggers whose own parameter is no name for expressions."""


class BindingData(dict[str, object]):
    """Values for binding expressions by their names in lower case."""

    @classmethod
    def of(cls, *layers: Mapping[str, object]) -> BindingData:
        """Return the members of several layers; the later ones have precedence, and None is no value."""
        return cls({str(name).lower(): value for layer in layers for name, value in layer.items() if value is not None})


def data_of(function: Function, source: object) -> BindingData:
    """Return the values for expressions in the bindings of a function, from what its trigger brought."""
    if isinstance(source, BindingData):
        return source
    if isinstance(source, ActivitySource):
        return arrived_data(function, source.value, {"instanceId": source.instance_id})
    if function.trigger_type.lower() == "httptrigger":
        return _of_request(source)
    return arrived_data(function, source, {})


def arrived_data(function: Function, body: object, metadata: Mapping[str, object]) -> BindingData:
    """Return the values for expressions of a message: its members have precedence over metadata, as in Azure."""
    body = _parsed(body)
    timed = {name: _time(value) if name.lower() in TIMES else value for name, value in metadata.items()}
    return BindingData.of(_named(function, body), timed, body if isinstance(body, Mapping) else {})


def _named(function: Function, body: object) -> dict[str, object]:
    """Return the names that a trigger has for its body itself."""
    kind = function.trigger_type.lower()
    if kind == "activitytrigger":
        return {function.trigger_parameter: body, "data": body}
    if kind == "mcptooltrigger":
        return {"mcptoolargs": body.get("arguments")} if isinstance(body, Mapping) else {}
    return {} if kind in WITHOUT_PARAMETER else {function.trigger_parameter: body}


def _of_request(request: object) -> BindingData:
    """Return what a request brings: its route has precedence over its query, that one over its body."""
    query = dict(_first(request, "params", "query_params"))
    get_body = getattr(request, "get_body", None)
    body = _parsed(get_body()) if callable(get_body) else None
    return BindingData.of(
        {"query": query, "headers": dict(_first(request, "headers"))},
        body if isinstance(body, Mapping) else {},
        {name: value for name, value in query.items() if name.lower() != SYSTEM_QUERY},
        _first(request, "route_params", "path_params"),
    )


def _first(holder: object, *names: str) -> Mapping[str, object]:
    return next((found for name in names if (found := getattr(holder, name, None))), {})


def _parsed(body: object) -> object:
    """Return text as the JSON value that it is, if it is one."""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    return parse_or_text(body) if isinstance(body, str) and body.strip() else body


def _time(value: object) -> object:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return value
