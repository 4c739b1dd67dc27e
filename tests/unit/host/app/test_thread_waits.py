"""Which plain functions count as waiting for a thread: those that came while all threads were busy."""

import threading

import pytest

from durable_harness.host.app import invocation
from durable_harness.host.app.invocation import Invoker, UserCodeExitError
from durable_harness.host.stages import CURRENT, Stages

THREADS, PATIENCE_S = 2, 30


@pytest.fixture
def invoker():
    """Yield an invoker with few threads."""
    one = Invoker("", None, None, THREADS)
    yield one
    one.close()


def submitted(invoker, call=lambda: None):
    """Submit a call as work whose stages are noted; return its future and its stages."""
    stages = Stages(1)
    token = CURRENT.set(stages)
    try:
        return invoker.submit(call, "it"), stages
    finally:
        CURRENT.reset(token)


def test_a_free_thread_is_not_waited_for(invoker, caplog):
    """However late a free thread begins, the time until then is the host's own, and nothing is logged of it."""
    busy = threading.Event()
    first, _ = submitted(invoker, lambda: busy.wait(PATIENCE_S))
    future, stages = submitted(invoker)
    future.result(PATIENCE_S)
    busy.set()
    first.result(PATIENCE_S)
    assert stages.asked_ns == 0
    assert 0 < stages.begun_ns <= stages.ended_ns
    assert not caplog.messages


def test_what_comes_while_all_threads_are_busy_waits_for_one(invoker):
    """With every thread taken the moment of asking is noted; once they are free again, it is not."""
    busy = threading.Event()
    held = [submitted(invoker, lambda: busy.wait(PATIENCE_S))[0] for _ in range(THREADS)]
    future, stages = submitted(invoker)
    is_free = threading.Event()
    future.add_done_callback(lambda _: is_free.set())  # a future has its result a moment before it calls back
    busy.set()
    for one in (*held, future):
        one.result(PATIENCE_S)
    assert 0 < stages.asked_ns <= stages.begun_ns
    assert is_free.wait(PATIENCE_S)
    assert submitted(invoker)[1].asked_ns == 0


def test_threads_that_a_test_fills_are_busy(invoker):
    """A pool that is filled on purpose has no free thread until it is released, and has all of them then."""
    release = invoker.fill(PATIENCE_S)
    future, stages = submitted(invoker)
    release()
    future.result(PATIENCE_S)
    assert stages.asked_ns > 0


def test_filled_threads_are_no_reason_to_warn(invoker, caplog, monkeypatch):
    """Only functions are reported for their wait, not what fills the pool a second time."""
    monkeypatch.setattr(invocation, "LOGGED_QUEUE_TIME_S", 0.0)
    first, second = invoker.fill(PATIENCE_S), invoker.fill(PATIENCE_S)
    future, _ = submitted(invoker)
    first()
    second()
    future.result(PATIENCE_S)
    assert [message.partition(" waited")[0] for message in caplog.messages] == ["it"]


@pytest.mark.parametrize(
    ("raised", "seen", "text"),
    [
        (StopIteration("x"), RuntimeError, "the function raised StopIteration: x"),
        (SystemExit(3), UserCodeExitError, "SystemExit: 3"),
        (KeyError("k"), KeyError, "'k'"),
    ],
)
def test_what_a_function_raises_ends_no_thread(invoker, raised, seen, text):
    """What no future takes, and what would end the thread, becomes another error; the end is noted as of any other."""

    def function():
        raise raised

    future, stages = submitted(invoker, function)
    with pytest.raises(seen) as caught:
        future.result(PATIENCE_S)
    assert str(caught.value) == text
    assert 0 < stages.begun_ns <= stages.ended_ns
