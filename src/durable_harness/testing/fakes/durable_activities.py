"""The fixture `durable_activities`: it makes fakes, and answers for those that ask the test's functions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from durable_harness.debugging import unless_debugged
from durable_harness.errors import HarnessError, UnreachableError, UsageError
from durable_harness.stack import RunningStack, StackControl
from durable_harness.testing.chat import Answer as ChatAnswer
from durable_harness.testing.chat import Answering as ChatAnswering
from durable_harness.testing.chat import ChatFake, Script
from durable_harness.testing.durations import Duration, seconds_of
from durable_harness.testing.fakes.fake_answers import NOTHING, FakePlan, http_answer_of, plan_of
from durable_harness.testing.fakes.recorded_fake import Fake
from durable_harness.testing.own_functions import RETURN_TIMEOUT_S, OwnFunctions, place_of_caller, place_of_function
from durable_harness.testing.url_patterns import UrlPattern, checked_method

CALL = "fakes/add"
REST_S = 0.1
"""How long to wait before a host is asked again that did not answer: it was killed, or is ending."""


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
        self._plans: dict[int, FakePlan] = {}
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
        plan = plan_of(f"fake({name!r})", f"the fake of {name}", returns, raises, by, call)
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
        plan = plan_of(f"fake_entity({name!r})", f"the fake of entity {name}", returns, raises, by, call)
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
        call = None if by is None else lambda call: http_answer_of(by(call["input"]))
        answer = NOTHING if returns is NOTHING else http_answer_of(returns)
        plan = plan_of(f"fake_http({url!r})", f"the fake of {url}", answer, raises, by, call)
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
        plan = FakePlan({"asks": True}, place, "fake_chat", Script(answers, by).answer)
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

    def _add(self, kind: str, name: str, plan: FakePlan, delay_s: Duration, method: str | None = None) -> Fake:
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


def activities_of(stack: RunningStack) -> DurableActivities | None:
    """Return the fakes of a stack's app; None if the host is not ours."""
    control = stack.control
    return DurableActivities(control) if control is not None and control.offers(CALL) else None
