"""Modules beside the rooms: whether a debugger is there, tasks, signals, output."""

import asyncio
import io
import os
import signal
import sys
import threading
from importlib import import_module
from types import SimpleNamespace

import pytest
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from durable_harness import output_streams
from durable_harness.debugging import NO_LIMIT_S, has_debugger, unless_debugged
from durable_harness.own_tasks import drop_cancellation
from durable_harness.protocol.timings import short_event
from durable_harness.sigterm import raised_as_interrupt


def of_debugpy(connected):
    """Return debugpy as far as it is asked."""
    return SimpleNamespace(is_client_connected=lambda: connected)


def of_engine(debugger):
    """Return the engine of debugpy and PyCharm as far as it is asked."""
    return SimpleNamespace(get_global_debugger=lambda: debugger)


@pytest.mark.parametrize(
    ("debugpy", "engine", "is_there"),
    [
        (None, None, False),
        (of_debugpy(True), None, True),
        (of_debugpy(False), of_engine(object()), False),
        (SimpleNamespace(), of_engine(object()), True),
        (None, of_engine(object()), True),
        (None, of_engine(None), False),
    ],
)
def test_limits_do_not_run_out_at_a_breakpoint(monkeypatch, debugpy, engine, is_there):
    """debugpy knows best whether a client is attached; without it the engine does, and nothing is imported."""
    for name, module in (("debugpy", debugpy), ("_pydevd_bundle.pydevd_constants", engine)):
        if module is None:
            monkeypatch.delitem(sys.modules, name, raising=False)
        else:
            monkeypatch.setitem(sys.modules, name, module)
    assert has_debugger() is is_there
    assert unless_debugged(3.0) == (NO_LIMIT_S if is_there else 3.0)


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_dropped_cancellation_does_not_come_back(times):
    """However often user code cancelled its task, what follows it can wait."""

    async def main():
        for _ in range(times):
            asyncio.current_task().cancel()
        await drop_cancellation(asyncio.current_task())
        await asyncio.sleep(0)
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0


def test_signals_are_left_alone_beside_the_main_thread():
    """Python allows handlers in the main thread only: elsewhere the block runs without one."""
    seen = []

    def work():
        with raised_as_interrupt():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_closed_output_is_replaced_by_none():
    """Where a process has no stdout what it prints goes nowhere; a stream that captures stays as it is."""
    lost = output_streams.LostOutput()
    with output_streams._unbroken(None, 1, lost) as stream:
        assert stream.name == os.devnull
        assert stream.write("text") == 4
    captured = io.StringIO()
    assert output_streams._unbroken(captured, 1, lost) is captured


def event(kind, **fields):
    """Return an event of a history."""
    return pb.HistoryEvent(eventId=3, **{kind: getattr(pb, f"{kind[0].upper()}{kind[1:]}Event")(**fields)})


def test_a_stream_that_user_code_has_closed_is_not_written(monkeypatch):
    """An app may close stdout or stderr; the command ends without an error of its own, and has its streams back."""
    before = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", before[0])
    monkeypatch.setattr(sys, "stderr", before[1])
    with output_streams.unbroken_output() as lost:
        lost.note("stdout", OSError(28, "No space left on device"))
        sys.stdout.close()
        sys.stderr.close()
    assert (sys.stdout, sys.stderr) == before


def test_events_in_short_name_their_entities():
    """Calls and locks of entities have their ids, and a start has its due time if it was scheduled."""
    called = event("entityOperationCalled", targetInstanceId=StringValue(value="@counter@a"))
    assert short_event(called)["entity"] == "@counter@a"
    assert short_event(event("entityLockRequested", lockSet=["@counter@a"]))["entities"] == ["@counter@a"]
    assert "dueNs" not in short_event(event("executionStarted", name="o"))
    due = Timestamp(seconds=5)
    assert short_event(event("executionStarted", name="o", scheduledStartTimestamp=due))["dueNs"] == 5_000_000_000
    assert short_event(event("timerCreated", fireAt=due))["dueNs"] == 5_000_000_000


@pytest.mark.parametrize("module", ["durable_harness.operations", "durable_harness.load"])
def test_an_unknown_name_of_a_public_module(module):
    """It is an AttributeError with the module's name, as of any module."""
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'Nothing'"):
        _ = import_module(module).Nothing


@pytest.mark.parametrize("name", ["Answer", "NoAnswer", "Measurement"])
def test_a_former_name_still_works(name):
    """It warns with the new name."""
    with pytest.warns(DeprecationWarning, match=f"durable_harness.operations.{name} is now"):
        assert isinstance(getattr(import_module("durable_harness.operations"), name), type)
