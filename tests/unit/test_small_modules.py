"""Modules beside the rooms: where JSON differs, whether a debugger is there, and records of logs."""

import asyncio
import io
import logging
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
from durable_harness.logs import json_lines
from durable_harness.own_tasks import drop_cancellation
from durable_harness.protocol.timings import short_event
from durable_harness.sigterm import raised_as_interrupt
from durable_harness.wording import secret_writings, tracebacks
from durable_harness.wording.json_places import first_place
from durable_harness.wording.places import machinery


@pytest.mark.parametrize(
    ("wanted", "got", "expected"),
    [
        ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}, ("x.b[1]", "2", "3")),
        ({"a": 1}, {"a": 1, "b": 2}, ("x.b", "(absent)", "2")),
        ({"a": 1, "b": 2}, {"a": 1}, ("x.b", "2", "(absent)")),
        ([1, 2], [1], ("x", "[1, 2]", "[1]")),
        ({"a": 1}, [1], ("x", '{"a": 1}', "[1]")),
        (1, 2, ("x", "1", "2")),
    ],
)
def test_the_innermost_difference_is_named(wanted, got, expected):
    """Objects and lists of one length are compared part by part, all else as a whole."""
    assert first_place(wanted, got, "x") == expected


def test_a_comparison_may_be_given():
    """Parts that are the same by it are no difference; if all parts are, the whole is named."""
    assert first_place({"a": 1, "b": 2}, {"a": 1, "b": 3}, "x", lambda one, other: one == 1) == ("x.b", "2", "3")
    assert first_place([2], [3], "x", lambda *_: True) == ("x", "[2]", "[3]")
    assert first_place({"a": 2}, {"a": 3}, "x", lambda *_: True) == ("x", '{"a": 2}', '{"a": 3}')


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
        await drop_cancellation()
        await asyncio.sleep(0)
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("<frozen importlib._bootstrap>", "Python"),
        ("<string>", None),
        (logging.__file__, "logging"),
        ("/app/a.py", None),
    ],
)
def test_the_package_of_a_file(file, package):
    """Frozen code is Python's, a module of the library has its name, and code that was made up is the app's."""
    assert machinery(file) == package


def raised(make):
    """Return the record of a log with the error that a function raises."""
    try:
        make()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return logging.LogRecord("app", 40, "a.py", 1, "text", (), (type(error), error, error.__traceback__))
    raise AssertionError("it raised nothing")


class UnprintableError(Exception):
    """An error that cannot be described."""

    def __str__(self):
        raise ValueError("no")


def test_a_record_has_what_was_raised():
    """Its type and message; an error that cannot be described keeps its type, and a record without one has none."""

    def unprintable():
        raise UnprintableError

    assert json_lines._exception(raised(lambda: {}["id"]))["type"] == "KeyError"
    assert json_lines._exception(raised(unprintable)) == {
        "type": "UnprintableError",
        "message": "(it cannot be described)",
    }
    for exc_info in (None, (None, None, None)):
        plain = logging.LogRecord("app", 40, "a.py", 1, "text", (), exc_info)
        assert json_lines._exception(plain) is None


def test_a_very_long_line_of_code_is_cut():
    """What marks a part of it goes too; an entry with short lines stays as it is."""
    entry = f'  File "a.py", line 1, in f\n    {"x" * 999}\n    ^^^^\n'
    assert tracebacks._bounded("  short\n") == "  short\n"
    first, second = tracebacks._bounded(entry).splitlines()
    assert first.startswith('  File "a.py"')
    assert len(second) == tracebacks.MOST_LINE_CHARS + 1


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


def test_events_in_short_name_their_entities():
    """Calls and locks of entities have their ids, and a start has its due time if it was scheduled."""
    called = event("entityOperationCalled", targetInstanceId=StringValue(value="@counter@a"))
    assert short_event(called)["entity"] == "@counter@a"
    assert short_event(event("entityLockRequested", lockSet=["@counter@a"]))["entities"] == ["@counter@a"]
    assert "dueNs" not in short_event(event("executionStarted", name="o"))
    due = Timestamp(seconds=5)
    assert short_event(event("executionStarted", name="o", scheduledStartTimestamp=due))["dueNs"] == 5_000_000_000
    assert short_event(event("timerCreated", fireAt=due))["dueNs"] == 5_000_000_000


def test_a_short_word_has_no_inner_base64():
    """Parts that are too short would be found everywhere; whole forms are kept."""
    short, long = list(secret_writings._encoded("abc")), list(secret_writings._encoded("a much longer secret"))
    assert short == ["616263", "YWJj"]
    assert len(long) == 5
    assert all(len(form) >= secret_writings.LEAST_BASE64_CHARS for form in long)


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
