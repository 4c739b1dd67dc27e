"""The order of a run's steps in a Locust process, and who may begin or end one."""

from types import SimpleNamespace

import gevent
import pytest

from durable_harness.load.lifecycle.listeners import GuardedListener


class Hook:
    """An event of Locust."""

    def __init__(self):
        self._handlers = []

    def add_listener(self, listener):
        self._handlers.append(listener)
        return listener

    def fire(self, **event):
        for handler in list(self._handlers):
            handler(**event)


@pytest.fixture
def module(monkeypatch, import_unpatched):
    """Return the module; Locust is imported without patching the standard library of the tests."""
    loaded = import_unpatched("durable_harness.load.processes.process")
    monkeypatch.setattr(loaded, "guard_greenlets", lambda *_: None)
    return loaded


@pytest.fixture
def process(module):
    """Return a process whose steps are noted in `process.steps`."""

    class Noting(module.LocustProcess):
        def __init__(self, environment):
            super().__init__(environment)
            self.steps = []

        def note(name, failing=()):  # noqa: N805 - makes the methods
            def step(self, *_):
                self.steps.append(name)
                if name in getattr(self, "fails", ()):
                    raise ZeroDivisionError(name)

            step.__name__ = name
            return step

        set_up, begin, wind_up = note("set_up"), note("begin"), note("wind_up")
        give_up, end, tear_down = note("give_up"), note("end"), note("tear_down")
        read_options, hurry = note("read_options"), note("hurry")

    names = ("test_start", "test_stopping", "test_stop", "quitting", "quit", *module.GUARDED_EVENTS)
    events = SimpleNamespace(**{name: Hook() for name in names})
    acts = []
    runner = SimpleNamespace(stop=lambda: acts.append("stop"), quit=lambda: acts.append("quit"), state="running")
    environment = SimpleNamespace(events=events, runner=runner, web_ui=None, process_exit_code=None)
    made = Noting(environment)
    made.acts, made.signals = acts, SimpleNamespace(ignore=lambda: acts.append("ignore"))
    return made


def test_a_run_has_its_steps_in_order(process, module):
    """It begins, winds up and ends; an event that is fired twice does nothing the second time."""
    for _ in range(2):
        process.start_test()
    assert process.phase is module.RunPhase.RUNNING
    for _ in range(2):
        process._on_test_stopping()
    assert process.phase is module.RunPhase.WINDING_UP
    for _ in range(2):
        process._on_test_stop()
    assert process.phase is module.RunPhase.IDLE
    assert process.steps == ["read_options", "begin", "wind_up", "end"]


def test_a_bug_in_a_step_does_not_hang_the_process(process, module, monkeypatch):
    """The next step is taken, and the error is reported with the step's name."""
    crashes = []
    monkeypatch.setattr(module, "log_crash", lambda text, error: crashes.append((text, str(error))))
    monkeypatch.setattr(module.log, "unhandled_greenlet_exception", False)
    process.fails = ("wind_up", "end")
    process.start_test()
    process._on_test_stopping()
    process._on_test_stop()
    assert crashes == [("A run cannot wind up", "wind_up"), ("A run cannot end", "end")]
    assert module.log.unhandled_greenlet_exception


def test_no_run_begins_in_a_process_that_ends(process):
    """Locust's greenlet that would start users ends instead."""
    process.is_leaving = True
    with pytest.raises(gevent.GreenletExit):
        process.start_test()
    assert process.steps == []


def test_leaving_ends_the_run_and_then_locust(process):
    """A second call does nothing: the first one is on its way."""
    process.start_test()
    process.leave()
    process.leave()
    assert process.steps == ["read_options", "begin", "wind_up", "end"]
    assert process.acts == ["stop", "quit"]


def test_leaving_ends_the_page_too(process):
    """Without a run Locust and its page end at once; a Locust that quits by itself is left alone."""
    process.environment.web_ui = SimpleNamespace(stop=lambda: process.acts.append("page"))
    process.leave()
    assert process.acts == ["quit", "page"]
    process.is_leaving, process._is_quitting = False, True
    process.leave()
    assert process.acts == ["quit", "page"]


@pytest.mark.parametrize(
    ("phase", "has_ended", "steps"),
    [("WINDING_UP", False, ["give_up"]), ("IDLE", False, ["hurry"]), ("IDLE", True, [])],
)
def test_a_signal_shortens_what_is_waited_for(process, module, monkeypatch, phase, has_ended, steps):  # noqa: PLR0913, PLR0917
    """It gives up what is in flight, or the questions after the run; without a run nothing is waited for."""
    monkeypatch.setattr(process, "leave", lambda: process.acts.append("leave"))
    process.phase = module.RunPhase[phase]
    if not has_ended:
        process._ended.clear()
    process.take_signal()
    assert (process.steps, process.acts) == (steps, ["leave"])
    assert (process.interruption is not None) is not has_ended


def test_the_first_signal_counts(process):
    """Later ones do not change when the run was interrupted."""
    process.start_test()
    process.interrupt()
    first = process.interruption
    process.interrupt()
    assert process.interruption is first


def test_quitting_ends_a_run(process):
    """Whatever makes Locust quit, a run is stopped, wound up and reported, and counts as interrupted."""
    process.start_test()
    process._on_quitting()
    assert process.steps == ["read_options", "begin", "wind_up", "end", "tear_down"]
    assert process.acts == ["stop"]
    assert process.interruption is not None


def test_the_exit_code_is_set_once_locust_exits(process):
    """From then on no signal changes it."""
    process._on_quit()
    assert (process._has_quit, process.acts) == (True, ["ignore"])


@pytest.mark.parametrize(("code", "expected"), [(3, 3), (None, None), (0, None), ("a text", 1)])
def test_a_call_of_exit_ends_locust_in_order(process, caplog, monkeypatch, code, expected):
    """Its code is Locust's, unless there is one; a text stands for 1, as in Python."""
    spawned = []
    monkeypatch.setattr(gevent, "spawn", spawned.append)
    process._on_exit("A listener", code)
    assert process.environment.process_exit_code == expected
    process.environment.process_exit_code = 7
    process._on_exit("A listener", code)
    assert process.environment.process_exit_code == 7
    assert spawned == [process.leave] * 2
    assert "A listener called sys.exit" in caplog.text


def test_listeners_that_come_later_are_guarded_too(process, module):
    """Those of a locustfile are added after ours."""
    hook = getattr(process.environment.events, module.GUARDED_EVENTS[0])
    hook.add_listener(print)
    assert isinstance(hook._handlers[-1], GuardedListener)
