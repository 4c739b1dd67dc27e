"""What a fake answers: the value, the error or the function that a test gives, as the host takes it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from durable_harness.errors import UsageError
from durable_harness.testing.own_functions import OwnFunctions, place_of_caller, place_of_error, place_of_function

STATUSES = range(200, 600)
ALLOWED = "give one of returns=VALUE, raises=ERROR and by=FUNCTION"


class _Nothing:
    """The type of NOTHING, which differs from None: a fake may return None."""


NOTHING: Final = _Nothing()


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer of a faked service.

        durable_activities.fake_http("https://api.example/orders/*", returns=HttpAnswer({"id": 7}, status=201))

    Raises:
        UsageError: the status is not from 200 to 599, or a header is not a text.
    """

    body: Any = ""
    """The body. A text is sent as it is, any other value as JSON."""
    status: int = 200
    """The HTTP status, from 200 to 599."""
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    """Additional headers of the answer."""

    def __post_init__(self) -> None:
        if not isinstance(self.status, int) or self.status not in STATUSES:
            raise UsageError(f"HttpAnswer: status is {self.status!r}; expected a whole number from 200 to 599.")
        for name, value in dict(self.headers or {}).items():
            if not (isinstance(name, str) and isinstance(value, str)):
                raise UsageError(f'HttpAnswer: got the header {name!r}: {value!r}; expected texts, such as "7".')


@dataclass(frozen=True)
class FakePlan:
    """What a fake does: the answer as the host takes it, or the test's function that makes it."""

    answer: dict[str, Any]
    place: str = ""
    """Where that function is defined."""
    what: str = ""
    function: Callable[[dict[str, Any]], str] | None = None

    def outcome(self, own: OwnFunctions, call: dict[str, Any]) -> dict[str, Any]:
        """Return the function's answer to a call, as the host takes it."""
        function = self.function
        assert function is not None
        try:
            return {"returns": own.call(self.what, self.place, lambda: function(call))}
        except BaseException as error:  # noqa: BLE001 - it is the activity's, not this thread's
            return {"raises": _raised(error, place_of_error(error) or self.place)}


def plan_of(  # noqa: PLR0913, PLR0917 - what a test gives, and what it means
    call_text: str,
    what: str,
    returns: Any,
    raises: BaseException | type[BaseException] | None,
    by: Callable[..., Any] | None,
    call: Callable[[dict[str, Any]], Any] | None,
) -> FakePlan:
    """Return the plan of a fake by its one way to answer. Raises UsageError for none, several, or one not valid."""
    check_given(call_text, returns, raises, by)
    if call is not None and by is not None:
        return FakePlan({"asks": True}, place_of_function(by), what, lambda given: _json_of(call_text, call(given)))
    if raises is not None:
        return FakePlan({"raises": _raised(raises() if isinstance(raises, type) else raises, place_of_caller())})
    return FakePlan({"returns": _json_of(call_text, returns)})


def check_given(call_text: str, returns: Any, raises: Any, by: Any) -> None:
    """Raise UsageError unless exactly one way to answer was given, and it is valid."""
    if sum([returns is not NOTHING, raises is not None, by is not None]) != 1:
        raise UsageError(f"{call_text}: {ALLOWED}.")
    if by is not None and not callable(by):
        raise UsageError(f"{call_text}: by is {by!r}; expected a function. A value is given by returns=….")
    if inspect.iscoroutinefunction(by):
        raise UsageError(f"{call_text}: by is a coroutine function; expected one that is not async.")
    is_error = isinstance(raises, BaseException) or (isinstance(raises, type) and issubclass(raises, BaseException))
    if raises is not None and not is_error:
        raise UsageError(f'{call_text}: raises is {raises!r}; expected an error, such as ValueError("no such card").')


def _json_of(what: str, value: Any) -> str:
    refuse_coroutine(what, value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what}: {value!r} is no JSON ({error}), as the result of an activity must be.") from None


def refuse_coroutine(what: str, value: Any) -> None:
    """Raise UsageError for the result of a coroutine function, which nothing would await."""
    if inspect.iscoroutine(value):
        value.close()
        raise UsageError(f"{what}: by is a coroutine function; expected one that is not async.")


def http_answer_of(value: Any) -> dict[str, Any]:
    """Return an `HttpAnswer`, or the body of one, as the host takes it."""
    refuse_coroutine("fake_http", value)
    answer = value if isinstance(value, HttpAnswer) else HttpAnswer(value)
    body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
    return {"status": answer.status, "headers": dict(answer.headers or {}), "body": body}


def _raised(error: BaseException, place: str) -> dict[str, str]:
    kind = type(error)
    return {"type": f"{kind.__module__}.{kind.__qualname__}", "message": str(error), "place": place}
