"""Before the load of an experiment: the app's own starter, and one operation as a trial."""

from types import SimpleNamespace

import pytest

from durable_harness.errors import UsageError
from durable_harness.experiments import experiment_preflight
from durable_harness.experiments.experiment_preflight import BeforeLoad, failed_first
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.load.preflight import App, Starter

STACK = SimpleNamespace(base_url="http://service", function_key=None, log_path=None)


@pytest.fixture
def before(monkeypatch):
    """Return before(app, problem, **steps): the steps at an app that is made up; `before.flights` are its trials."""

    def make(app=None, problem=None, **steps):
        monkeypatch.setattr(experiment_preflight, "quiet_interrupts", lambda: None)
        monkeypatch.setattr(experiment_preflight, "ask_for_app", lambda *_: app)
        monkeypatch.setattr(experiment_preflight, "fly", lambda plan, _: make.flights.append(plan.start_url))
        monkeypatch.setattr(experiment_preflight, "problem_of", lambda *_: problem)
        return BeforeLoad(report=make.lines.append, **steps)

    make.flights, make.lines = [], []
    return make


def test_without_steps_nothing_is_asked(before):
    """The load is taken as it is."""
    load, steps = OfferedLoad(), before()
    assert not steps.has_work
    assert steps.prepare(load, STACK) is load
    assert before.flights == []


def test_a_trial_that_works_leaves_the_load(before):
    """One operation is made at the path of the load."""
    load, steps = OfferedLoad(), before(preflight=True)
    assert steps.has_work
    assert steps.prepare(load, STACK) is load
    assert before.flights == [f"http://service{load.service.start.path}"]


def test_a_trial_that_fails_is_the_error(before):
    """The reason is raised; in a report it is one line."""
    with pytest.raises(UsageError) as ended:
        before(problem=UsageError("refused:\n  set --payload"), preflight=True).prepare(OfferedLoad(), STACK)
    assert failed_first(ended.value) == "refused: | set --payload"


@pytest.mark.parametrize(("method", "expected"), [(None, "GET"), ("PUT", "PUT")])
def test_the_starter_of_the_app_is_taken(before, method, expected):
    """The load gets its path and method, or the method that is given; the choice is reported and tried."""
    app = App((Starter("/api/begin", "begin", method="GET"),), ())
    load = before(app, finds_start=True, preflight=True, method=method).prepare(OfferedLoad(), STACK)
    assert (load.service.start.path, load.service.start.method) == ("/api/begin", expected)
    assert before.lines == ["operations start by GET /api/begin  (begin)"]
    assert before.flights == ["http://service/api/begin"]


def test_an_app_that_lists_nothing_keeps_the_load(before):
    """A host that does not list its functions gets the path of the sample."""
    load = OfferedLoad()
    assert before(None, finds_start=True).prepare(load, STACK) is load
    assert before.lines == []
