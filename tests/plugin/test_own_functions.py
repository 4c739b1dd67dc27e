"""Functions of a test that answer for others: what they raise is the test's, and one that hangs holds up no run."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from durable_harness.testing.own_functions import OwnFunctions, is_mistake, place_of_error
from sdk_generation import SDK

APPS = Path(__file__).parents[1] / "apps"
TITLE = "durable-harness: functions of this test that answer for others"
HANGING = """
import threading

never = threading.Event()


def test_hangs(operations, durable_activities):
    durable_activities.fake("charge_card", by=lambda order: never.wait())
    operations.start_orchestrator("pay", 1).wait(timeout_s=0.5)


def test_leaves_one(operations, durable_activities):
    fake = durable_activities.fake("charge_card", by=lambda order: never.wait())
    operations.start_orchestrator("pay", 1)
    fake.wait()


def test_next(operations, durable_activities):
    durable_activities.fake("charge_card", by=lambda order: "paid")
    assert operations.start_orchestrator("pay", 1).wait()["output"] == "paid"
"""
HANGING_SERVICE = """
import threading

never = threading.Event()


def test_hangs(operations, durable_http):
    durable_http.answer("https://mail.example", by=lambda call: never.wait())
    operations.start("/api/ask/with_requests", {"url": "https://mail.example/"}).wait(timeout_s=0.5)


def test_next(operations, durable_http):
    durable_http.answer("https://mail.example", by=lambda call: "sent")
    output = operations.start("/api/ask/with_requests", {"url": "https://mail.example/"}).wait()["output"]
    assert output["status"] == 200
"""
INTERRUPTED = """
import threading
from pathlib import Path

def test_hangs(operations, durable_activities):
    fake = durable_activities.fake("charge_card", by=lambda order: threading.Event().wait())
    operations.start_orchestrator("pay", 1)
    fake.wait()
    Path("begun").touch()
    threading.Event().wait()
"""
SLIPS = """
import pytest
from durable_harness.testing import assert_completed, assert_failed


def look_up(order):
    return order["nope"]


def test_fails_by_it(operations, durable_activities):
    durable_activities.fake("charge_card", by=look_up)
    assert_completed(operations.start_orchestrator("pay", {}), output=1)


@pytest.mark.parametrize("by", [look_up, lambda: 1, lambda order: pytest.fail("no")])
def test_is_not_green(operations, durable_activities, by):
    durable_activities.fake("charge_card", by=by)
    operations.start_orchestrator("pay", {}).wait()


@pytest.mark.xfail
def test_is_expected_to_fail(operations, durable_activities):
    durable_activities.fake("charge_card", by=look_up)
    operations.start_orchestrator("pay", {}).wait()


def test_raises_what_it_means(operations, durable_activities):
    def refuse(order):
        raise KeyError("no such card")

    durable_activities.fake("charge_card", by=refuse)
    operations.start_orchestrator("pay", {}).wait()
"""
SERVICE_SLIPS = """
import pytest


async def coroutine(call):
    return 1


@pytest.mark.parametrize("by", [lambda call: call.nope, lambda call: object(), coroutine])
def test_is_not_green(operations, durable_http, by):
    durable_http.answer("https://air.example", by=by)
    operations.start("/api/ask/with_requests", {"url": "https://air.example/"}).wait()
"""


def test_a_fake_that_hangs(inner):
    """Its test fails as stuck and says whose function hangs; one that leaves it fails at its end; the next one runs."""
    outcome = inner.write("test_it.py", HANGING).run(f"--app-dir={APPS / 'faked'}")
    assert outcome.count("failure", "error") == 2, outcome.output
    failure = outcome.failure("test_hangs[embedded]")
    assert "waits for activity 'charge_card': is answered by a fake of the test, whose function has not" in failure
    assert TITLE in outcome.output
    message = "the function of the fake of charge_card has not returned for"
    assert message in outcome.error("test_leaves_one[embedded]")
    assert "(test_it.py:13)" in outcome.error("test_leaves_one[embedded]")


def test_a_service_that_hangs(inner):
    """The same of a function that answers for an outside service; the next test has its own answers."""
    outcome = inner.write("test_it.py", HANGING_SERVICE).run(f"--app-dir={APPS / 'outside'}")
    assert outcome.count("failure", "error") == 1, outcome.output
    assert "the function of the answer for https://mail.example has not returned for" in outcome.output


def test_ctrl_c_ends_a_run_with_a_fake_that_hangs(inner, plugin):
    """Ctrl-C ends pytest although a function has not returned, and no thread keeps the process."""
    inner.write("test_it.py", INTERRUPTED)
    words = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", f"--app-dir={APPS / 'faked'}"]
    with subprocess.Popen(words, cwd=inner.folder, stdout=subprocess.PIPE, text=True) as process:
        while not (inner.folder / "begun").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output


def test_a_slip_of_a_fake_fails_its_test(inner):
    """A mistake in a function is the failure of its test, by its line; what it raises on purpose is not."""
    outcome = inner.write("test_it.py", SLIPS).run(f"--app-dir={APPS / 'faked'}")
    assert outcome.count("failure", "error") == 4, outcome.output
    assert "embedded 1 xfailed" in outcome.output
    assert "KeyError 'nope' in the fake of charge_card (test_it.py:7)" in outcome.output
    if SDK == 1:  # whose message of a failed activity has the place; with 2.x it stands in the report's section alone
        assert "refused: Activity function 'charge_card' failed: KeyError: 'nope' (test_it.py:7)" in outcome.output
    assert "KeyError 'nope' in the fake of charge_card (test_it.py:7)" in outcome.failure(
        "test_is_not_green[embedded-look_up]"
    )
    assert "TypeError" in outcome.output
    assert "Failed: no in the fake of charge_card (test_it.py:15)" in outcome.output


def test_a_slip_of_a_service_fails_its_test(inner):
    """The same of outside services, whose clients only see that the connection broke."""
    outcome = inner.write("test_it.py", SERVICE_SLIPS).run(f"--app-dir={APPS / 'outside'}")
    assert outcome.count("failure") == 3, outcome.output
    assert "AttributeError 'HttpCall' object has no attribute 'nope' in the answer for https://air" in outcome.output
    assert "is neither text nor bytes nor JSON" in outcome.output
    assert "by is a coroutine function; expected one that is not async" in outcome.output
    assert "(test_it.py:9)" in outcome.output


def raised(function):
    """Return what a function raises."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    raise LookupError


def by_hand():
    raise KeyError("no such order")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (by_hand, False),
        (lambda: (_ for _ in ()).throw(TypeError("on purpose")), False),
        (lambda: int("x"), False),
        (lambda: {}["x"], True),
        (lambda: None.x, True),
        (lambda: pytest.skip("no"), True),
    ],
)
def test_what_is_a_mistake(function, expected):
    """What Python raises of wrong code is a mistake; what a statement raises is meant."""
    assert is_mistake(raised(function)) is expected


def test_an_error_is_kept_with_its_place():
    """An error has the line of the test, what it was raised for, and is listed once."""
    own = OwnFunctions()
    for _ in range(2):
        with pytest.raises(KeyError):
            own.call("the fake of pay", "test_x.py:1", by_hand)
    (error,) = own.errors
    assert str(error) == f"KeyError 'no such order' in the fake of pay ({place_of_error(raised(by_hand))})"
    assert own.running == own.mistakes == []
