"""What a function returned, as its host would send it on."""

from __future__ import annotations

from azure.functions import HttpResponse

from durable_harness.host.app.converters import has_implicit_output, streams_http
from durable_harness.host.app.functions import Function
from durable_harness.host.triggers.converting import Encoded, UnusableValueError, encode

RETURNED = "$return"
HTTP = "http"
DURABLE_TRIGGERS = frozenset({"orchestrationtrigger", "activitytrigger", "entitytrigger"})


def returned_by(function: Function, result: object) -> Encoded | None:
    """Return what a function returned as text, bytes or a JSON value; None if it returned nothing.

    Raises UnusableValueError for what neither its `$return` binding nor its trigger takes.
    """
    if result is None:
        return None
    kinds = [str(binding["type"]) for binding in function.bindings if binding["name"] == RETURNED]
    if function.trigger_type.lower() == "httptrigger" and kinds in ([], [HTTP]):
        return _response(function, result)
    try:
        return encode(kinds[0] if kinds else function.trigger_type, result)
    except UnusableValueError as error:
        raise UnusableValueError(f"Function '{function.name}', returned value: {error}.") from error


def answers_by_returning(function: Function) -> bool:
    """Return whether the service behind a trigger takes what the function returns, without a binding for it."""
    kind = function.trigger_type
    return kind.lower() not in DURABLE_TRIGGERS and kind.lower() != "httptrigger" and has_implicit_output(kind)


def _response(function: Function, result: object) -> Encoded | None:
    if isinstance(result, HttpResponse):
        body = (result.get_body() or b"").decode(result.charset or "utf-8", "replace")
        return Encoded({"status": result.status_code, "headers": dict(result.headers), "body": body})
    if isinstance(result, str):
        return Encoded(result)
    if streams_http():
        return None  # a response of the extension's framework, which only its own server can send
    raise UnusableValueError(
        f"Function '{function.name}' returned {type(result).__name__}; an HTTP function must return a"
        " func.HttpResponse or a str."
    )
