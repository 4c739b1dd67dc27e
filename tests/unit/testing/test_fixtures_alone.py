"""What fixtures do before and after they ask the host, by a host that is played here."""

import json
from types import SimpleNamespace

import pytest

from durable_harness.errors import HarnessError, UsageError
from durable_harness.testing import coverage
from durable_harness.testing.chat import Script, ToolCall
from durable_harness.testing.durable_clock import DurableClock
from durable_harness.testing.twice_in_test import TwicePlan, delivered_twice, plan_of


def mark(*args, **kwargs):
    return SimpleNamespace(args=args, kwargs=kwargs)


@pytest.mark.parametrize("wrong", [mark(), mark("a", deny=1), mark(3)])
def test_a_mark_once_names_functions(wrong):
    """Without names, with other options or with what is no name the mark is an error."""
    with pytest.raises(UsageError, match="mark once: expected names, and patterns"):
        plan_of([wrong], None, is_asked_for=False)


@pytest.mark.parametrize("allow", [3, ["a", 3]])
def test_a_mark_once_allows_patterns(allow):
    """What may be done twice is a pattern or a list of patterns."""
    with pytest.raises(UsageError, match=r"mark once: allow is .*; expected patterns"):
        plan_of([mark("pay", allow=allow)], None, is_asked_for=False)


@pytest.mark.parametrize("wrong", [mark(1, 2), mark(count=1)])
def test_a_mark_twice_is_a_switch(wrong):
    """The mark has a switch and the answer that counts, nothing else."""
    with pytest.raises(UsageError, match="mark twice: expected twice"):
        plan_of([], wrong, is_asked_for=False)


def test_a_mark_once_delivers_its_functions_twice():
    """A mark alone delivers what it names; a mark `twice` or the option of the run decides otherwise."""
    marks = [mark("pay", allow="PUT *"), mark("pay", "ship", allow=["GET *"])]
    plan = plan_of(marks, None, is_asked_for=False)
    assert plan == TwicePlan(is_on=True, names=("pay", "ship"), once=("pay", "ship"), allowed=("PUT *", "GET *"))
    assert plan_of(marks, None, is_asked_for=True).is_on is None
    assert plan_of([], mark(False), is_asked_for=False).is_on is False
    with pytest.raises(UsageError, match="what is delivered once cannot be checked"):
        plan_of(marks, mark(False), is_asked_for=False)
    assert plan_of([], mark(answer="first"), is_asked_for=False).counts == "first"


class Control:
    """Answers calls by name, in turn, or fails."""

    def __init__(self, **answers):
        self.answers = {name: list(given) for name, given in answers.items()}
        self.calls = []

    def offers(self, name):
        return name in {"twice/begin", *self.answers}

    def call(self, name, **_given):
        self.calls.append(name)
        answers = self.answers.get(name, [{"since": 0, "run": "r"}])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


PLAN = TwicePlan(is_on=True, names=("pay",), once=("pay",), allowed=())


def test_a_host_that_is_not_ours_delivers_nothing_twice():
    """Without a control, or with one that does not offer it, there is nothing to begin."""
    assert delivered_twice(SimpleNamespace(control=None), PLAN) is None
    assert delivered_twice(SimpleNamespace(control=SimpleNamespace(offers=lambda _: False)), PLAN) is None


def test_work_is_settled_until_there_is_none():
    """The host is asked again as long as some work was under way; a host that fails ends the wait."""
    control = Control(**{"twice/settle": [True, True, False]})
    delivered_twice(SimpleNamespace(control=control), PLAN).settle(60)
    assert control.calls.count("twice/settle") == 3
    failing = Control(**{"twice/settle": [HarnessError("gone")]})
    delivered_twice(SimpleNamespace(control=failing), PLAN).settle(60)
    assert failing.calls.count("twice/settle") == 1


def test_work_that_does_not_end_is_waited_for_a_while():
    """When the time is up, the test is judged by what is known."""
    control = Control(**{"twice/settle": [True]})
    delivered_twice(SimpleNamespace(control=control), PLAN).settle(0)
    assert "twice/settle" not in control.calls


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"faked": ["Pay"]}, "a fake of the test answers for it"),
        ({"isOfAnotherHost": True}, "the host was started again in this test"),
        ({}, "it did not run in this test"),
    ],
)
def test_a_mark_that_checked_nothing_is_reported(document, why):
    """A function that was not delivered twice is not taken for one that is right."""
    twice = delivered_twice(SimpleNamespace(control=Control()), PLAN)
    assert f"mark once: pay was not delivered twice: {why}" in twice.problem({"functions": [], **document})


def test_a_host_that_is_gone_has_no_report():
    """The report of a host that ended is None, and the end of the test is no error."""
    gone = HarnessError("gone")
    twice = delivered_twice(SimpleNamespace(control=Control(**{"twice/report": [gone], "twice/end": [gone]})), PLAN)
    twice.end()
    assert twice.report() is None


CALL = {"instance_id": "@agent@s", "input": {"agent": "Ada", "messages": [], "instructions": None, "tools": ["search"]}}


@pytest.mark.parametrize(("answers", "by"), [((), None), (("a",), lambda _call: "b")])
def test_a_chat_has_answers_or_a_function(answers, by):
    """Neither, or both, is an error."""
    with pytest.raises(UsageError, match="fake_chat: give answers, or by=FUNCTION"):
        Script(answers, by)


@pytest.mark.parametrize("answer", [3, ["a", 3], {"a": 1}])
def test_an_answer_of_a_chat_is_text_or_a_call(answer):
    """Anything else is an error when it is given."""
    with pytest.raises(UsageError, match=r"fake_chat: got .* as an answer"):
        Script([answer], None)


def test_no_coverage_is_no_environment(monkeypatch):
    """Without a coverage that runs a child process does not measure."""
    monkeypatch.setitem(coverage.sys.modules, "coverage", None)
    assert coverage.coverage_environment() == {}
    stopped = SimpleNamespace(Coverage=SimpleNamespace(current=lambda: None))
    monkeypatch.setitem(coverage.sys.modules, "coverage", stopped)
    assert coverage.coverage_environment() == {}


def running(config):
    return SimpleNamespace(__version__="7.0", Coverage=SimpleNamespace(current=lambda: SimpleNamespace(config=config)))


def test_an_old_coverage_is_refused(monkeypatch):
    """A coverage that cannot hand its settings on is an error with what to install."""
    monkeypatch.setitem(coverage.sys.modules, "coverage", running(SimpleNamespace()))
    with pytest.raises(UsageError, match=r"coverage 7\.0 cannot follow the app.*\n.*Install 7\.10 or later"):
        coverage.coverage_environment()


class Config:
    """Settings of coverage, which are handed on as JSON."""

    patch = ("subprocess",)
    parallel = False

    def serialize(self):
        return json.dumps([self.parallel, list(self.patch)])


def test_coverage_is_handed_on(monkeypatch):
    """The child measures into a file of its own, and saves however it ends; the settings here stay as they are."""
    config = Config()
    monkeypatch.setitem(coverage.sys.modules, "coverage", running(config))
    (text,) = coverage.coverage_environment().values()
    assert json.loads(text) == [True, ["subprocess", "_exit"]]
    assert (config.parallel, config.patch) == (False, ("subprocess",))


def test_an_advance_goes_as_far_as_it_was_asked():
    """The clock is moved until it is there, in as many steps as the host takes."""
    control = Control(**{"clock/now": [10.0], "clock/advance": [15.0, 20.0]})
    assert DurableClock(control).advance(10).timestamp() == 20.0
    assert control.calls == ["clock/now", "clock/advance", "clock/advance"]


def test_an_advance_that_does_not_arrive_is_an_error():
    """A clock that stays on its way when the time is up fails the test."""
    control = Control(**{"clock/now": [10.0], "clock/advance": [15.0]})
    with pytest.raises(AssertionError):
        DurableClock(control).advance(10, timeout_s=0.0)


@pytest.mark.parametrize(
    ("message", "error"), [("clock/advance: it cannot be moved so far", UsageError), ("gone", HarnessError)]
)
def test_a_clock_that_cannot_be_moved_is_an_error(message, error):
    """A move that is too long is a mistake of the test, in the words of its call; other errors are passed on."""
    control = Control(**{"clock/now": [10.0], "clock/advance": [HarnessError(message)]})
    with pytest.raises(error, match=message.removeprefix("clock/")) as failed:
        DurableClock(control).advance(10)
    assert type(failed.value) is error


def test_patience_is_a_number_of_seconds():
    """A patience that is negative or without end is an error."""
    clock = DurableClock(Control(**{"clock/now": [10.0]}))
    for wrong in (-1, float("inf"), float("nan")):
        with pytest.raises(UsageError, match=r"advance: patience_s is .*; expected 0 or more seconds"):
            clock.advance(10, patience_s=wrong)


def test_a_call_of_a_tool_has_json_arguments():
    """Arguments that no model could give are an error when the answer is given."""
    with pytest.raises(UsageError, match="fake_chat"):
        Script([ToolCall("search", {"q": object()})], None)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (ValueError("busy"), ValueError, "busy"),
        (ToolCall("delete", {}), UsageError, "Ada has no tool 'delete'. It has: search"),
    ],
)
def test_a_chat_raises_what_the_test_gave(answer, error, message):
    """An error as an answer is raised, and a tool that the agent does not have is an error of the test."""
    with pytest.raises(error, match=message):
        Script([answer], None).answer(CALL)
