"""Functions of the app that a test answers for: the `durable_activities` fixture."""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from durable_harness.errors import HarnessError, UsageError
from durable_harness.stack import RunningStack, StackControl
from durable_harness.testing.chat import Answer as ChatAnswer
from durable_harness.testing.chat import Answering as ChatAnswering
from durable_harness.testing.chat import ChatFake, Script

CALL = "fakes/add"
DEFAULT_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.01
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


class Fake:
    """Something that a test answers for, until `end` or the end of the test."""

    def __init__(self, control: StackControl, number: int, described: str) -> None:
        self._control = control
        self._number = number
        self._described = described

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
        """Let the app's own function answer again."""
        self._control.call("fakes/end", number=self._number)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._control.call("fakes/calls", number=self._number)
        return state


class DurableActivities:
    """Answers in place of activities, entities and services that orchestrations call. The app is not changed.

    A fake answers for the whole host, whichever orchestration calls, and the last one that was made wins. All end with
    the test. `delay_s` passes on the scheduler's clock, so that `durable_clock` skips it.
    """

    def __init__(self, control: StackControl) -> None:
        self._control = control
        self._functions: dict[int, Callable[[dict[str, Any]], str]] = {}
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
        function = None if by is None else lambda call: by(call["input"])
        return self._add("activity", name, _plan(f"fake({name!r})", returns, raises, function), delay_s)

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
        function = None if by is None else lambda call: by(call["operation"], call["input"])
        return self._add("entity", name, _plan(f"fake_entity({name!r})", returns, raises, function), delay_s)

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
        function = None if by is None else lambda call: _http(by(call["input"]))
        answer = NOTHING if returns is NOTHING else _http(returns)
        plan = _plan(f"fake_http({url!r})", answer, raises, function)
        return self._add("http", url, plan, delay_s, method)

    def fake_chat(
        self, *answers: ChatAnswer, by: ChatAnswering | None = None, agent: str = "*", delay_s: float = 0.0
    ) -> ChatFake:
        """Answer for the models of Agent Framework apps, whichever chat clients they have.

        The answers are used one after the other: texts, `ToolCall("weather", {"city": "Rome"})`, lists of both, and
        errors to be raised. `by` is given each `ChatCall` and returns such an answer. `agent` is the name of one, or a
        pattern.
        """
        plan = _Plan({"asks": True}, Script(answers, by).answer)
        return ChatFake(self._add("chat", agent, plan, delay_s))

    def close(self) -> None:
        """End all fakes."""
        self._closing.set()
        self._control.call("fakes/end")
        if self._answering is not None:
            self._answering.join()

    def _add(self, kind: str, name: str, plan: _Plan, delay_s: float, method: str | None = None) -> Fake:
        if not (math.isfinite(delay_s) and delay_s >= 0):
            raise UsageError(f"fake of {name!r}: delay_s is {delay_s!r}; allowed are seconds from 0.")
        try:
            number = self._control.call(
                CALL, kind=kind, name=name, answer=plan.answer, delay_s=float(delay_s), method=method
            )
        except HarnessError as error:
            raise UsageError(str(error).removeprefix(f"{CALL}: ")) from None
        if plan.function is not None:
            self._functions[number] = plan.function
            self._answer_questions()
        return Fake(self._control, number, f"{kind} {name}")

    def _answer_questions(self) -> None:
        if self._answering is None:
            self._answering = threading.Thread(target=self._answer_all, name="durable fakes", daemon=True)
            self._answering.start()

    def _answer_all(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(HarnessError):  # the host was killed, or ends
                question = self._control.call("fakes/next")
                if question is not None:
                    answer = _outcome(self._functions[question["fake"]], question["call"])
                    self._control.call("fakes/answer", question=question["question"], answer=answer)


@dataclass(frozen=True)
class _Plan:
    """What a fake does: the answer as the host takes it, and the function that it asks."""

    answer: dict[str, Any]
    function: Callable[[dict[str, Any]], str] | None = None


def _plan(
    what: str,
    returns: Any,
    raises: BaseException | type[BaseException] | None,
    by: Callable[[dict[str, Any]], Any] | None,
) -> _Plan:
    given = [returns is not NOTHING, raises is not None, by is not None]
    if sum(given) != 1:
        raise UsageError(f"{what}: {ALLOWED}.")
    if by is not None:
        return _Plan({"asks": True}, lambda call: _json_of(what, by(call)))
    if raises is not None:
        return _Plan({"raises": _raised(raises() if isinstance(raises, type) else raises)})
    return _Plan({"returns": _json_of(what, returns)})


def _json_of(what: str, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what}: {value!r} is no JSON ({error}), as the result of an activity must be.") from None


def _http(value: Any) -> dict[str, Any]:
    answer = value if isinstance(value, HttpAnswer) else HttpAnswer(value)
    body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
    return {"status": answer.status, "headers": dict(answer.headers or {}), "body": body}


def _raised(error: BaseException) -> dict[str, str]:
    kind = type(error)
    return {"type": f"{kind.__module__}.{kind.__qualname__}", "message": str(error)}


def _outcome(function: Callable[[dict[str, Any]], str], call: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"returns": function(call)}
    except BaseException as error:  # noqa: BLE001 - it is the activity's, not this thread's
        return {"raises": _raised(error)}


def activities_of(stack: RunningStack) -> DurableActivities | None:
    """Return what fakes the functions of a stack's app, None where the host is not ours."""
    control = stack.control
    return DurableActivities(control) if control is not None and control.offers(CALL) else None
