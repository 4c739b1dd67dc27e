"""Slips of people who write tests: each is refused at once, in one sentence that says what is allowed."""

import asyncio
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing import HttpAnswer, assert_failed, assert_history
from durable_harness.testing.aio import assert_completed as async_assert_completed
from durable_harness.testing.chat import ChatCall, Script, ToolCall

APPS = Path(__file__).parents[1] / "apps"


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app whose functions need what no test has."""
    return APPS / "faked"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ops: ops.started("pya", count=0), "There is no orchestrator 'pya'. Those of this app: "),
        (
            lambda ops: ops.start("api/orders/pay", 1),
            "got 'api/orders/pay'; expected a path .* Did you mean '/api/orders/pay'",
        ),
        (lambda ops: ops.request("/api/orders/pay", "POST"), "got 'POST'; expected a path .*The method goes first"),
        (lambda ops: ops.follow(None), "follow: got None; expected the id of an instance"),
        (lambda ops: ops.respond(1, to=""), "to is ''; expected the name of an event"),
        (lambda ops: ops.respond(1, to="paid", times=0), "times is 0; expected a whole number from 1, or None"),
        (lambda ops: ops.trigger("charge_card", {}, metadata="x"), "metadata is 'x'; expected a dict"),
    ],
)
def test_operations_refuse(operations, call, message):
    """Names, paths and numbers that mean nothing are refused before anything is waited for."""
    with pytest.raises(UsageError, match=message):
        call(operations)


def test_a_state_that_is_none(operations):
    """A state in another case would be waited for in vain."""
    operation = operations.start_orchestrator("pay", 1)
    with pytest.raises(UsageError, match=r"wait_for: got 'running'; expected one of Pending, Running"):
        operation.wait_for("running")
    with pytest.raises(UsageError, match="no regular expression"):
        assert_failed(operation, match="a (b")
    with pytest.raises(UsageError, match="expected a list of events"):
        assert_history(operation, "ExecutionStarted")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda fakes: fakes.fake("charge_card", raises="oops"), "raises is 'oops'; expected an error"),
        (lambda fakes: fakes.fake("charge_card", raises=int), "raises is <class 'int'>; expected an error"),
        (lambda fakes: fakes.fake("charge_card", by="oops"), "by is 'oops'; expected a function"),
        (
            lambda fakes: fakes.fake("charge_card", returns=1, delay_s="1 hour"),
            "got '1 hour'; expected 0 or more seconds",
        ),
        (lambda fakes: fakes.fake_http("rates.example/*", returns=1), "fake_http: got 'rates.example/\\*' as a URL"),
        (lambda fakes: fakes.fake_http("https://rates.example", returns=1, method="GTE"), "method is 'GTE'; expected"),
        (lambda fakes: fakes.fake_http("https://a.example", returns=HttpAnswer(status="200")), "status is '200'"),
        (lambda fakes: fakes.fake_http("https://a.example", returns=HttpAnswer(status=1000)), "status is 1000"),
        (lambda fakes: fakes.fake_http("https://a.example", returns=HttpAnswer(headers={"x": 1})), "header 'x': 1"),
    ],
)
def test_fakes_refuse(durable_activities, make, message):
    """What is no error, no function, no URL and no answer is refused where it is written."""
    with pytest.raises(UsageError, match=message):
        make(durable_activities)


def test_a_service_without_a_path_is_all_of_it(operations, durable_activities):
    """`fake_http` takes the URLs that `durable_http.answer` takes."""
    fake = durable_activities.fake_http("https://track.example", returns="all")
    operation = operations.start("/api/orders/track", "https://track.example/7?a=1")
    assert operation.wait()["output"] == [200, "all"]
    assert fake.count == 1


def test_a_fake_may_be_ended_twice(operations, durable_activities):
    """The end of a fake may be asked for twice, and its calls can be read after it."""
    fake = durable_activities.fake("charge_card", returns=1, delay_s="0s")
    operations.start("/api/orders/pay", 5).wait()
    fake.end()
    fake.end()
    assert [call.input for call in fake.calls] == [5]


KEPT = []


def test_fixtures_are_of_their_test_first(durable_activities):
    """A test that keeps its fixture, and a fake, beyond its end …"""
    KEPT.extend([durable_activities, durable_activities.fake("charge_card", returns=1)])


def test_fixtures_are_of_their_test_then(operations):
    """… makes no fakes for the next one, and reads no calls there."""
    activities, fake = KEPT
    with pytest.raises(UsageError, match="this durable_activities is of a test that has ended"):
        activities.fake("charge_card", returns=99)
    with pytest.raises(UsageError, match="has ended: its test is over"):
        _ = fake.calls


def test_a_start_that_is_not_awaited(durable_async_operations, operations):
    """The assertions for coroutines explain what they are given instead."""
    with pytest.raises(UsageError, match="Await a start first"):
        asyncio.run(async_assert_completed(durable_async_operations.start("/api/orders/pay", 5)))
    with pytest.raises(UsageError, match="got StartedOperation"):
        asyncio.run(async_assert_completed(operations.start("/api/orders/pay", 5)))


def test_a_tool_that_the_agent_does_not_have():
    """A scripted call of an unknown tool is a mistake of the script, not a result of the framework's."""
    asked = {"agent": "Forecaster", "messages": [], "instructions": None, "tools": ["weather"]}
    call = {"instance_id": "@dafx-forecaster@1", "input": asked}
    assert ChatCall.of(call).agent == "Forecaster"
    with pytest.raises(UsageError, match=r"Forecaster has no tool 'wheather'\. It has: weather"):
        Script([ToolCall("wheather", {})], None).answer(call)


REPORTED = """
import pytest
from durable_harness.testing import assert_completed


def test_frames(durable_activities):
    durable_activities.fake("charge_crad", returns=1)


def test_promised(operations):
    operations.respond(1, to="payd")
    assert False


def test_uncalled(durable_activities):
    durable_activities.fake("charge_card", returns=1)
    durable_activities.fake_http("https://api.example/orders/*", returns=1)
    assert False


@pytest.mark.xfail
def test_expected(operations):
    assert False
"""
CRASHED = """
import os


def test_crash(operations, durable_activities):
    durable_activities.fake("charge_card", returns=1)
    os.kill(operations.stack.pid, 9)
    durable_activities.fake("charge_card", returns=2)


def test_next(operations, durable_activities):
    durable_activities.fake("charge_card", returns=3)
"""


def test_reports_of_slips(inner):
    """A refusal ends with the test's line, unused promises and fakes are named, xfailed tests are counted."""
    outcome = inner.write("test_it.py", REPORTED).run(f"--app-dir={APPS / 'faked'}")
    failure = outcome.failure("test_frames[embedded]")
    assert "charge_crad" in failure
    assert "durable_activities.py" not in failure
    assert "promised events that nothing has waited for" in outcome.output
    assert "'payd'" in outcome.output
    uncalled = outcome.output.partition("fakes that were never called")[2]
    assert uncalled.splitlines()[1:3] == ["activity charge_card", "http https://api.example/orders/*"]
    assert "embedded 1 xfailed" in outcome.output


def test_a_host_that_has_died(inner):
    """What a dead host cannot do fails with how it died, once for each test, with nothing of sockets."""
    outcome = inner.write("test_it.py", CRASHED).run(f"--app-dir={APPS / 'faked'}")
    assert outcome.count("failure", "error") == 2, outcome.output
    for test in ("test_crash", "test_next"):
        failure = outcome.failure(f"{test}[embedded]")
        assert "the host (process " in failure
        assert "has ended (" in failure
        assert "Connection refused" not in failure


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--operation-timeout=abc", "--operation-timeout: got 'abc', expected a number of seconds above 0"),
        ("--operation-timeout=-5", "--operation-timeout: got '-5'"),
        ("--operation-timeout=nan", "--operation-timeout: got 'nan'"),
    ],
)
def test_options_are_checked_at_once(inner, option, message):
    """A value that no test can run with is an error of the command."""
    outcome = inner.write("test_it.py", "def test_it(): ...").run(option)
    assert outcome.code == pytest.ExitCode.USAGE_ERROR
    assert message in outcome.output


def test_an_app_in_no_folder(inner):
    """A folder that is not there is the error of the first test that needs it, in one line."""
    inner.write("test_it.py", "def test_it(operations): ...\ndef test_next(operations): ...")
    outcome = inner.run("--app-dir=nope")
    assert outcome.error("test_it[embedded]").endswith(
        "nope: there is no such folder. Name the app's by --app-dir=DIR,"
        " durable_app_dir in the ini file, or the fixture"
    )
    assert "see the error of" in outcome.skip_reason("test_next[embedded]")


CAUGHT = """
def test_with(operations, durable_http):
    durable_http.answer("https://api.nowhere.example", returns="here")
    assert operations.start("/api/ask/with_requests", {"url": "https://api.nowhere.example/"}).wait()["output"]["body"]


def test_without(operations):
    output = operations.start("/api/ask/with_requests", {"url": "https://api.nowhere.example/a"}).wait()["output"]
    assert output["status"] == 200
"""


def test_a_module_that_answers_for_services_is_caught_whole(inner):
    """A test that forgets the fixture, beside one that has it, reaches none: it gets 502, and its report says so."""
    outcome = inner.write("test_it.py", CAUGHT).run(f"--app-dir={APPS / 'outside'}")
    assert "502" in outcome.failure("test_without[embedded]")
    assert "requests to outside services that nothing answered" in outcome.output
    assert "https://api.nowhere.example/a" in outcome.output
