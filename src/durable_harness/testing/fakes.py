"""Fakes in place of the app's functions: the `durable_activities` fixture."""

from __future__ import annotations

import inspect
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from durable_harness.debugging import unless_debugged
from durable_harness.errors import HarnessError, UnreachableError, UsageError
from durable_harness.stack import RunningStack, StackControl
from durable_harness.testing.chat import Answer as ChatAnswer
from durable_harness.testing.chat import Answering as ChatAnswering
from durable_harness.testing.chat import ChatFake, Script
from durable_harness.testing.durations import Duration, seconds_of
from durable_harness.testing.own_functions import (
    RETURN_TIMEOUT_S,
    OwnFunctions,
    place_of_caller,
    place_of_error,
    place_of_function,
)
from durable_harness.testing.url_patterns import UrlPattern, checked_method

CALL = "fakes/add"
DEFAULT_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.01
REST_S = 0.1
"""How long to wait before a host is asked again that did not answer: it was killed, or is ending."""
STATUSES = range(200, 600)
ALLOWED = "give one of returns=VALUE, raises=ERROR and by=FUNCTION"


class _Nothing:
    """The type of NOTHING, which differs from None: a fake may return None."""


NOTHING: Final = _Nothing()


@dataclass(frozen=True)
class FakeCall:
    """A call that a fake answered."""

    input: Any
    """The input of the call, as a JSON value. For `call_http` it is a dict with `method`, `uri`, `headers` and
    `content`."""
    instance_id: str
    """The ID of the instance that made the call; for an operation of an entity, the ID of the entity."""
    at_s: float
    """When the call came, in seconds since the epoch."""
    operation: str | None = None
    """The operation of an entity; None for other calls."""


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


class Fake:
    """A fake of an activity, an entity or a service, with the calls that it answered.

        charged = durable_activities.fake("charge_card", returns={"charge": "c-1"})
        assert_completed(durable_operations.start("/api/orders", {"id": 7}))
        assert charged.count == 1

    It answers until `end` or the end of the test.
    """

    def __init__(self, control: StackControl, number: int, described: str) -> None:
        self._control = control
        self._number = number
        self.described = described
        """What it answers for, such as "activity charge_card"."""
        self._last: dict[str, Any] | None = None
        """What it was called with, once it has ended."""

    def __repr__(self) -> str:
        return f"<fake {self.described}>"

    @property
    def calls(self) -> list[FakeCall]:
        """The calls so far, in order. At most the latest 10,000 are kept."""
        return [FakeCall(**call) for call in self._state()["calls"]]

    @property
    def count(self) -> int:
        """How often it was called."""
        return int(self._state()["count"])

    def wait(self, count: int = 1, timeout_s: float = DEFAULT_TIMEOUT_S) -> list[FakeCall]:
        """Wait until it has been called a number of times, and return its calls.

        Args:
            count: the number of calls, from the start of the fake.
            timeout_s: how long to wait, in seconds.

        Raises:
            AssertionError: there were fewer calls in that time. The message lists them.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout_s
        while self.count < count:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{self!r} was called {self.count} times in {timeout_s:g} s, not {count}: {self.calls}"
                )
            time.sleep(POLL_INTERVAL_S)
        return self.calls

    def end(self) -> None:
        """End the fake: the app's own function answers again. The recorded calls are kept until the end of the test."""
        if self._last is None:
            last = self._state()
            self._control.call("fakes/end", number=self._number)
            self._last = last

    def _state(self) -> dict[str, Any]:
        __tracebackhide__ = True
        if self._last is not None:
            return self._last
        try:
            state: dict[str, Any] = self._control.call("fakes/calls", number=self._number)
        except UnreachableError:
            raise
        except HarnessError:
            raise UsageError(
                f"{self!r} has ended: its test is over, or the host was started again since, as by kill_host."
            ) from None
        return state


class DurableActivities:
    """Fakes that answer in place of activities, entities and services. The app itself is not changed.

        def test_payment(durable_operations, durable_activities):
            charged = durable_activities.fake("charge_card", returns={"charge": "c-1"})
            assert_completed(durable_operations.start("/api/orders", {"id": 7, "amount": 12}))
            assert charged.calls[0].input["amount"] == 12

    The fixture `durable_activities` makes it. A fake answers the calls of all orchestrations on the host. If several
    fakes fit a call, the latest one answers. All fakes end with the test.

    Each method takes one way to answer: `returns`, `raises` or `by`. A function given as `by` runs in this process, in
    a thread of its own, for one call after the other. A `delay_s` passes on the scheduler's clock, so `durable_clock`
    can skip it.
    """

    def __init__(self, control: StackControl) -> None:
        self._control = control
        self.own = OwnFunctions()
        """The test's own functions that were called."""
        self._fakes: list[Fake] = []
        self._plans: dict[int, _FakePlan] = {}
        self._answering: threading.Thread | None = None
        self._closing = threading.Event()

    def fake(
        self,
        name: str,
        *,
        returns: Any = NOTHING,
        raises: BaseException | type[BaseException] | None = None,
        by: Callable[[Any], Any] | None = None,
        delay_s: float = 0.0,
    ) -> Fake:
        """Answer for an activity with a value, an error, or the result of a function.

            durable_activities.fake("charge_card", by=lambda order: {"charge": f"c-{order['id']}"})

        Args:
            name: the name of the activity.
            returns: the result, as a JSON value.
            raises: the error that the activity raises.
            by: a function that takes the input of the activity and returns its result, or raises its error.
            delay_s: how long the activity takes, in seconds on the scheduler's clock.

        Raises:
            UsageError: the app has no such activity, or not exactly one of `returns`, `raises` and `by` is given.
            UnreachableError: the host does not answer.
        """
        call = None if by is None else lambda call: by(call["input"])
        plan = _plan(f"fake({name!r})", f"the fake of {name}", returns, raises, by, call)
        return self._add("activity", name, plan, delay_s)

    def fake_entity(
        self,
        name: str,
        *,
        returns: Any = NOTHING,
        raises: BaseException | type[BaseException] | None = None,
        by: Callable[[str, Any], Any] | None = None,
        delay_s: float = 0.0,
    ) -> Fake:
        """Answer for all operations on all entities of one name. The states of the entities do not change.

            durable_activities.fake_entity("counter", by=lambda operation, value: 3)

        Args:
            name: the name of the entity.
            returns: the result of each operation, as a JSON value.
            raises: the error that each operation raises.
            by: a function that takes the name of the operation and its input. It returns the result, or raises the
                error.
            delay_s: how long an operation takes, in seconds on the scheduler's clock.

        Raises:
            UsageError: the app has no such entity, or not exactly one of `returns`, `raises` and `by` is given.
            UnreachableError: the host does not answer.
        """
        call = None if by is None else lambda call: by(call["operation"], call["input"])
        plan = _plan(f"fake_entity({name!r})", f"the fake of entity {name}", returns, raises, by, call)
        return self._add("entity", name, plan, delay_s)

    def fake_http(  # noqa: PLR0913 - as the others, and a method
        self,
        url: str,
        *,
        returns: Any = NOTHING,
        raises: BaseException | type[BaseException] | None = None,
        by: Callable[[dict[str, Any]], Any] | None = None,
        method: str | None = None,
        delay_s: float = 0.0,
    ) -> Fake:
        """Answer the `call_http` requests of orchestrators to the URLs of a pattern.

            durable_activities.fake_http("https://api.example/orders/*", returns=HttpAnswer({"id": 7}, status=201))

        Args:
            url: a URL, in which `*` stands for any text. A URL without a path stands for the whole service.
            returns: an `HttpAnswer`, or the body of one.
            raises: the error that the call raises.
            by: a function that takes the request, a dict with `method`, `uri`, `headers` and `content`. It returns an
                `HttpAnswer` or the body of one.
            method: the HTTP method to answer, such as "POST"; by default all methods.
            delay_s: how long the answer takes, in seconds on the scheduler's clock.

        Raises:
            UsageError: an argument is not valid, or not exactly one of `returns`, `raises` and `by` is given.
            UnreachableError: the host does not answer.
        """
        url, method = UrlPattern.of(url, "fake_http").text, checked_method(method)
        call = None if by is None else lambda call: _http(by(call["input"]))
        answer = NOTHING if returns is NOTHING else _http(returns)
        plan = _plan(f"fake_http({url!r})", f"the fake of {url}", answer, raises, by, call)
        return self._add("http", url, plan, delay_s, method)

    def fake_chat(
        self, *answers: ChatAnswer, by: ChatAnswering | None = None, agent: str = "*", delay_s: Duration = 0.0
    ) -> ChatFake:
        """Answer for the models of Agent Framework apps, with any chat client.

            durable_activities.fake_chat(ToolCall("weather", {"city": "Rome"}), "It is sunny in Rome.")

        Give either answers or `by`.

        Args:
            answers: the answers, which are used one after the other. Each is a text, a `ToolCall`, a list of both, or
                an error to raise.
            by: a function that takes each `ChatCall` and returns such an answer.
            agent: the name of an agent, or a pattern such as "sales*"; by default all agents.
            delay_s: how long an answer takes on the scheduler's clock, in seconds, as a timedelta, or as a text such as
                "5m".

        Raises:
            UsageError: an argument is not valid, or the app has no such agent.
            UnreachableError: the host does not answer.
        """
        place = place_of_caller() if by is None else place_of_function(by)
        plan = _FakePlan({"asks": True}, place, "fake_chat", Script(answers, by).answer)
        return ChatFake(self._add("chat", agent, plan, delay_s))

    def unused(self) -> list[str]:
        """Return the fakes that were never called, such as "activity charge_card"; none if the host cannot say."""
        try:
            return [fake.described for fake in self._fakes if not fake.count]
        except HarnessError:  # the host was killed, or started again: the failure itself says so
            return []

    def close(self, timeout_s: float = RETURN_TIMEOUT_S) -> None:
        """End all fakes. The fixture calls it.

        Args:
            timeout_s: how long to wait for functions of the test that are still running, in seconds. After that they
                are left to their thread, which ends with pytest.
        """
        self._closing.set()
        self._control.call("fakes/end")
        if self._answering is not None and not self.own.wait(unless_debugged(timeout_s)):
            self._answering.join(timeout_s)

    def _add(self, kind: str, name: str, plan: _FakePlan, delay_s: Duration, method: str | None = None) -> Fake:
        if self._closing.is_set():
            raise UsageError(
                f"fake of {name!r}: this durable_activities is of a test that has ended. Take that of yours."
            )
        seconds = seconds_of(delay_s, f"fake of {name!r}: delay_s")
        try:
            number = self._control.call(CALL, kind=kind, name=name, answer=plan.answer, delay_s=seconds, method=method)
        except UnreachableError as error:
            raise UnreachableError(
                f"{str(error).removeprefix(f'{CALL}: ')}. The next module gets a new host."
            ) from None
        except HarnessError as error:
            raise UsageError(str(error).removeprefix(f"{CALL}: ")) from None
        if plan.function is not None:
            self._plans[number] = plan
            self._answer_questions()
        self._fakes.append(Fake(self._control, number, f"{kind} {name}"))
        return self._fakes[-1]

    def _answer_questions(self) -> None:
        if self._answering is None:
            self._answering = threading.Thread(target=self._answer_all, name="durable fakes", daemon=True)
            self._answering.start()

    def _answer_all(self) -> None:
        while not self._closing.is_set():
            try:
                question = self._control.call("fakes/next")
                if question is not None:
                    answer = self._plans[question["fake"]].outcome(self.own, question["call"])
                    self._control.call("fakes/answer", question=question["question"], answer=answer)
            except HarnessError:  # the host was killed, or ends
                self._closing.wait(REST_S)


@dataclass(frozen=True)
class _FakePlan:
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


def _plan(  # noqa: PLR0913, PLR0917 - what a test gives, and what it means
    call_text: str,
    what: str,
    returns: Any,
    raises: BaseException | type[BaseException] | None,
    by: Callable[..., Any] | None,
    call: Callable[[dict[str, Any]], Any] | None,
) -> _FakePlan:
    check_given(call_text, returns, raises, by)
    if call is not None and by is not None:
        return _FakePlan({"asks": True}, place_of_function(by), what, lambda given: _json_of(call_text, call(given)))
    if raises is not None:
        return _FakePlan({"raises": _raised(raises() if isinstance(raises, type) else raises, place_of_caller())})
    return _FakePlan({"returns": _json_of(call_text, returns)})


def check_given(call_text: str, returns: Any, raises: Any, by: Any) -> None:
    """Raise UsageError unless exactly one way to answer was given, and it is valid."""
    if sum([returns is not NOTHING, raises is not None, by is not None]) != 1:
        raise UsageError(f"{call_text}: {ALLOWED}.")
    if by is not None and not callable(by):
        raise UsageError(f"{call_text}: by is {by!r}; expected a function. A value is given by returns=….")
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


def _http(value: Any) -> dict[str, Any]:
    refuse_coroutine("fake_http", value)
    answer = value if isinstance(value, HttpAnswer) else HttpAnswer(value)
    body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
    return {"status": answer.status, "headers": dict(answer.headers or {}), "body": body}


def _raised(error: BaseException, place: str) -> dict[str, str]:
    kind = type(error)
    return {"type": f"{kind.__module__}.{kind.__qualname__}", "message": str(error), "place": place}


def activities_of(stack: RunningStack) -> DurableActivities | None:
    """Return the fakes of a stack's app; None if the host is not ours."""
    control = stack.control
    return DurableActivities(control) if control is not None and control.offers(CALL) else None
