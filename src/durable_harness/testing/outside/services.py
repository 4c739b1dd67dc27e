"""What tests use of outside services: answers for them, and the requests that came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from durable_harness.debugging import unless_debugged
from durable_harness.errors import UsageError
from durable_harness.stack import RunningStack, StackControl
from durable_harness.testing.fakes.fake_answers import NOTHING, HttpAnswer, check_given, refuse_coroutine
from durable_harness.testing.fakes.recorded_fake import DEFAULT_TIMEOUT_S, POLL_INTERVAL_S
from durable_harness.testing.outside.authority import Authority
from durable_harness.testing.outside.request_rules import (
    Answering,
    HttpCall,
    RequestRule,
    encoded,
    http_answer,
)
from durable_harness.testing.own_functions import RETURN_TIMEOUT_S, OwnFunctions, place_of_function
from durable_harness.testing.url_patterns import UrlPattern, checked_method

CALL = "outside/lead"
NO_ANSWER = 502


class OutsideService:
    """An outside service, or a part of one, that the test answers for until `end` or the end of the test.

        bank = durable_http.answer("https://bank.example/charges", returns={"charge": "c-1"})
        assert_completed(durable_operations.start("/api/orders", {"id": 7}))
        assert bank.calls[0].json() == {"order": 7}

    `DurableHttp.answer` returns it.
    """

    def __init__(self, rule: RequestRule, end: Callable[[RequestRule], None]) -> None:
        self._rule = rule
        self._end = end

    def __repr__(self) -> str:
        return f"<outside service {self._rule.method or 'any method of'} {self._rule.pattern.text}>"

    @property
    def calls(self) -> list[HttpCall]:
        """The requests so far, in order."""
        return list(self._rule.calls)

    @property
    def count(self) -> int:
        """How many requests there were."""
        return len(self._rule.calls)

    def wait(self, count: int = 1, timeout_s: float = DEFAULT_TIMEOUT_S) -> list[HttpCall]:
        """Wait for a number of requests and return all requests so far.

        Args:
            count: the number of requests.
            timeout_s: how long to wait, in seconds.

        Raises:
            AssertionError: there were fewer requests in that time. The message lists them.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + unless_debugged(timeout_s)
        while self.count < count:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{self!r} got {self.count} requests in {timeout_s:g} s, not {count}: {self.calls}"
                )
            time.sleep(POLL_INTERVAL_S)
        return self.calls

    def end(self) -> None:
        """Stop answering for this service."""
        self._end(self._rule)


class DurableHttp:
    """Answers to the requests that the app sends to outside services, with any HTTP client.

        def test_bank(durable_operations, durable_http):
            bank = durable_http.answer("https://bank.example/charges", returns={"charge": "c-1"})
            assert_completed(durable_operations.start("/api/orders", {"id": 7}))
            assert bank.count == 1

    The fixture `durable_http` makes it. While a test uses it, all connections to port 80 or 443 of other machines come
    here. So do connections to any service that `answer` names. A request that nothing answers gets the status 502 and
    appears in `unanswered`.
    """

    def __init__(self, control: StackControl) -> None:
        from durable_harness.testing.outside.outside_server import OutsideServer  # noqa: PLC0415 - with it comes a web server

        self._control = control
        self.own = OwnFunctions()
        """The test's own functions that were called."""
        self._has_ended = False
        self._lock = threading.Lock()
        self._rules: list[RequestRule] = []
        self._passing: list[UrlPattern] = []
        self._calls: list[HttpCall] = []
        self._unanswered: list[HttpCall] = []
        self._authority = Authority()
        self._server = OutsideServer(self._answered, self._authority.server_context("localhost"))
        self._lead()

    @property
    def calls(self) -> list[HttpCall]:
        """All requests of the app so far, in order, including those that nothing answered."""
        return list(self._calls)

    @property
    def unanswered(self) -> list[HttpCall]:
        """The requests that nothing answered, in order."""
        return list(self._unanswered)

    def answer(
        self,
        url: str,
        *,
        returns: Any = NOTHING,
        raises: BaseException | type[BaseException] | None = None,
        by: Answering | None = None,
        method: str | None = None,
    ) -> OutsideService:
        """Answer requests to the URLs of a pattern. If several patterns fit a request, the latest one counts.

            durable_http.answer("https://api.example/orders/*", returns=HttpAnswer({"id": 7}, status=201))

        Args:
            url: a URL, in which `*` stands for any text. A URL without a path stands for the whole service.
            returns: an `HttpAnswer`, or the body of one: text, bytes, or a value that is sent as JSON.
            raises: an error, for which the connection breaks without an answer.
            by: a function that takes each `HttpCall` and returns such a value. It runs in a thread of this process. If
                it raises an error, the connection breaks without an answer.
            method: the HTTP method to answer, such as "POST"; by default all methods.

        Raises:
            UsageError: an argument is not valid, or not exactly one of `returns`, `raises` and `by` is given.
        """
        rule = RequestRule(UrlPattern.of(url), checked_method(method), self._answering(url, returns, raises, by))
        with self._lock:
            self._rules.append(rule)
        self._lead()
        return OutsideService(rule, self._remove)

    def pass_through(self, url: str) -> None:
        """Allow the app to connect to a real service. Its requests are not recorded.

            durable_http.pass_through("https://login.example")

        Args:
            url: the URL of the service.

        Raises:
            UsageError: `url` names no service.
        """
        self._passing.append(UrlPattern.of(url))
        self._lead()

    def describe(self) -> str:
        """Return the requests that nothing answered as text, for the report of a failed test."""
        return "\n".join(f"{call.method} {call.url}" for call in self._unanswered)

    def close(self, timeout_s: float = RETURN_TIMEOUT_S) -> None:
        """Return all connections of the app to their real targets. The fixture calls it.

        Args:
            timeout_s: how long to wait for functions of the test that are still running, in seconds. After that they
                are left to their threads, which end with pytest.
        """
        self._has_ended = True
        try:
            self._control.call(CALL)
        finally:
            self.own.wait(unless_debugged(timeout_s))
            self._server.close()

    def _answering(
        self, url: str, returns: Any, raises: BaseException | type[BaseException] | None, by: Answering | None
    ) -> Answering:
        check_given(f"durable_http.answer({url!r})", returns, raises, by)
        if by is not None:
            what, place = f"the answer for {url}", place_of_function(by)
            return lambda call: self.own.call(what, place, lambda: _checked(url, by(call)))
        if raises is not None:
            return lambda _: _raise(raises)
        answer = _checked(url, returns)
        return lambda _: answer

    def _lead(self) -> None:
        if self._has_ended:
            raise UsageError("This durable_http is of a test that has ended. Take that of yours.")
        with self._lock:
            answered, passing = ([one.place() for one in self._patterns()], [one.place() for one in self._passing])
        self._control.call(
            CALL, ports=self._server.ports, answered=answered, passing=passing, authority=self._authority.pem
        )

    def _patterns(self) -> list[UrlPattern]:
        return [rule.pattern for rule in self._rules]

    def _remove(self, rule: RequestRule) -> None:
        with self._lock:
            self._rules = [one for one in self._rules if one is not rule]
        self._lead()

    def _answered(self, call: HttpCall) -> HttpAnswer | None:
        with self._lock:
            self._calls.append(call)
            rule = next((rule for rule in reversed(self._rules) if rule.fits(call)), None)
            (self._unanswered if rule is None else rule.calls).append(call)
        if rule is None:
            return HttpAnswer(_no_answer(call), NO_ANSWER)
        try:
            answer: HttpAnswer = rule.answer(call)
        except UsageError as error:
            return HttpAnswer(str(error), NO_ANSWER)
        except BaseException:  # noqa: BLE001 - the service breaks, not this thread
            return None
        return answer


def _checked(url: str, value: Any) -> HttpAnswer:
    """Return an answer that can be sent. Raises UsageError for what cannot."""
    refuse_coroutine(f"durable_http.answer({url!r})", value)
    answer = http_answer(value)
    encoded(answer)
    return answer


def _raise(error: BaseException | type[BaseException]) -> None:
    raise error


def _no_answer(call: HttpCall) -> str:
    return (
        f"durable_http: nothing answers {call.method} {call.url}. Answer it in the test, by"
        f' durable_http.answer("{call.url}", returns=…), or let it go there, by durable_http.pass_through(…).'
    )


def http_of(stack: RunningStack) -> DurableHttp | None:
    """Return the fakes of outside services; None if the host is not ours."""
    control = stack.control
    return DurableHttp(control) if control is not None and control.offers(CALL) else None
