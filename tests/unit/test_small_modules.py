"""Modules beside the rooms: where JSON differs, whether a debugger is there, and records of logs."""

import asyncio
import logging
import sys
from types import SimpleNamespace

import pytest

from durable_harness.debugging import NO_LIMIT_S, has_debugger, unless_debugged
from durable_harness.json_places import first_place
from durable_harness.own_tasks import drop_cancellation
from durable_harness.places import machinery


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
