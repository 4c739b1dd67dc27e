"""Functions of the app that a test answers for: the `durable_activities` fixture."""

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
"""How long the host is left alone when it does not answer: it was killed, or ends."""
STATUSES = range(200, 600)
ALLOWED = "give one of returns=VALUE, raises=ERROR and by=FUNCTION"


class _Nothing:
    """The type of NOTHING, which is not the same as None: a fake may return None."""


NOTHING: Final = _Nothing()


@dataclass(frozen=True)
class FakeCall:
    """A call that a fake has answered.

    `input` is what the orchestration gave, as JSON has it; of `call_http` the request as a dict with `method`, `uri`,
    `headers` and `content`. `operation` is that of an entity. `at_s` is when it came, in seconds since the epoch.
    """

    input: Any
    instance_id: str
    at_s: float
    operation: str | None = None


@dataclass(frozen=True)
class HttpAnswer:
    """What a service answers to `call_http`. A body that is no text is sent as JSON."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.status, int) or self.status not in STATUSES:
            raise UsageError(f"HttpAnswer: status is {self.status!r}; expected a whole number from 200 to 599.")
        for name, value in dict(self.headers or {}).items():
            if not (isinstance(name, str) and isinstance(value, str)):
                raise UsageError(f'HttpAnswer: got the header {name!r}: {value!r}; expected texts, such as "7".')


class Fake:
    """Something that a test answers for, until `end` or the end of the test."""

    def __init__(self, control: StackControl, number: int, described: str) -> None:
        self._control = control
        self._number = number
        self._described = described
        self._last: dict[str, Any] | None = None
        """What it was called with, once it has ended."""

    def __repr__(self) -> str:
        return f"<fake {self._described}>"

    @property
    def calls(self) -> list[FakeCall]:
        """The calls so far, in order; of very many the latest 10,000."""
        return [FakeCall(**call) for call in self._state()["calls"]]

    @property
    def count(self) -> int:
        """How often it was called."""
        return int(self._state()["count"])

    def wait(self, count: int = 1, timeout_s: float = DEFAULT_TIMEOUT_S) -> list[FakeCall]:
        """Wait until it was called so often, and return its calls.

        Raises AssertionError, saying which calls there were, if that does not happen in time.
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
        """Let the app's own function answer again. Its calls are kept until the end of the test."""
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
    """Answers in place of activities, entities and services that orchestrations call. The app is not changed.

    A fake answers for the whole host, whichever orchestration calls, and the last one that was made wins. All end with
    the test. `delay_s` passes on the scheduler's clock, so that `durable_clock` skips it.
    """

    def __init__(self, control: StackControl) -> None:
        self._control = control
        self.own = OwnFunctions()
        """The functions of the test that were called."""
        self._plans: dict[int, _Plan] = {}
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
        """Answer for an activity: with a value, an error, or what a function makes of the activity's input.

        The function is called in this process, in a thread of its own, one call after the other. What it raises is what
        the activity raises. Raises UsageError for a name that the app does not have, with those that it has.
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
        """Answer for all operations of all entities of a name; `by` is given the operation and its input.

        Their state stays what it was.
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
        """Answer `call_http` for URLs of a pattern, such as "https://api.example/orders/*", with an `HttpAnswer`.

        What is no HttpAnswer is the body of one. `by` is given the request as a dict with `method`, `uri`, `headers`
        and `content`.
        """
        url, method = UrlPattern.of(url, "fake_http").text, checked_method(method)
        call = None if by is None else lambda call: _http(by(call["input"]))
        answer = NOTHING if returns is NOTHING else _http(returns)
        plan = _plan(f"fake_http({url!r})", f"the fake of {url}", answer, raises, by, call)
        return self._add("http", url, plan, delay_s, method)

    def fake_chat(
        self, *answers: ChatAnswer, by: ChatAnswering | None = None, agent: str = "*", delay_s: Duration = 0.0
    ) -> ChatFake:
        """Answer for the models of Agent Framework apps, whichever chat clients they have.

        The answers are used one after the other: texts, `ToolCall("weather", {"city": "Rome"})`, lists of both, and
        errors to be raised. `by` is given each `ChatCall` and returns such an answer. `agent` is the name of one, or a
        pattern.
        """
        place = place_of_caller() if by is None else place_of_function(by)
        plan = _Plan({"asks": True}, place, "fake_chat", Script(answers, by).answer)
        return ChatFake(self._add("chat", agent, plan, delay_s))

    def close(self, timeout_s: float = RETURN_TIMEOUT_S) -> None:
        """End all fakes. Functions that have not returned in time are left to their thread, which ends with pytest."""
        self._closing.set()
        self._control.call("fakes/end")
        if self._answering is not None and not self.own.wait(unless_debugged(timeout_s)):
            self._answering.join(timeout_s)

    def _add(self, kind: str, name: str, plan: _Plan, delay_s: Duration, method: str | None = None) -> Fake:
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
        return Fake(self._control, number, f"{kind} {name}")

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
class _Plan:
    """What a fake does: the answer as the host takes it, or the function of the test that it asks."""

    answer: dict[str, Any]
    place: str = ""
    """Where that function begins."""
    what: str = ""
    function: Callable[[dict[str, Any]], str] | None = None

    def outcome(self, own: OwnFunctions, call: dict[str, Any]) -> dict[str, Any]:
        """Return what the function makes of a call, as the host takes it."""
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
) -> _Plan:
    check_given(call_text, returns, raises, by)
    if call is not None and by is not None:
        return _Plan({"asks": True}, place_of_function(by), what, lambda given: _json_of(call_text, call(given)))
    if raises is not None:
        return _Plan({"raises": _raised(raises() if isinstance(raises, type) else raises, place_of_caller())})
    return _Plan({"returns": _json_of(call_text, returns)})


def check_given(call_text: str, returns: Any, raises: Any, by: Any) -> None:
    """Raise UsageError unless exactly one way to answer was given, and is one."""
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
    """Raise UsageError for what a coroutine function returned: nothing awaits it."""
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
    """Return what fakes the functions of a stack's app, None where the host is not ours."""
    control = stack.control
    return DurableActivities(control) if control is not None and control.offers(CALL) else None
