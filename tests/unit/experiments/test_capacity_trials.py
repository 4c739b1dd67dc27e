"""How a trial of a rate is judged: by operations of a service that is made up, without any clock."""

import contextlib
import types

import pytest

from durable_harness.errors import InvalidRunError, UnreachableError
from durable_harness.experiments import capacity_search
from durable_harness.experiments.capacity_search import CapacityOptions, find_capacity
from durable_harness.experiments.driver import Measured
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.gate import Histogram
from durable_harness.gate.capacity import SearchPlan, read_objective
from durable_harness.load.options.option_values import read_durations
from durable_harness.operations import OperationRecord, OperationState, Workload

STACK = types.SimpleNamespace(base_url="http://service", function_key=None, pid=None, exit_code=lambda: None)


class Service:
    """Takes operations one after the other, at a fixed rate; each then lasts as long as it is asked to."""

    def __init__(self, per_s, slip_ms=1.0):
        self.per_s, self.slip_ms = per_s, slip_ms

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def operation_urls_at(self, _url):
        return None

    def measure(self, _url, _key, arrivals, _ending, _warm_up_s):
        slips, free = Histogram(), 0.0
        records = []
        for arrival in arrivals:
            slips.record(self.slip_ms)
            made = OperationRecord(token="t", intended=100.0 + arrival.offset_s, epoch_offset_s=1000.0)
            made.sent = made.accepted = made.intended + self.slip_ms / 1000
            free = max(free, made.sent) + 1 / self.per_s
            made.seen = made.ended = free + arrival.duration_s
            made.state, made.polls, made.workload = OperationState.COMPLETED, 1, Workload.OPEN
            records.append(made)
        return Measured(records, slips)


@pytest.fixture
def tried(monkeypatch):
    """Return tried(service, rate, …): the report of a search that tries this rate and no higher one."""

    def run(service, rate_per_s, objective="completion_ms p95 <= 9000", trial_s=10.0, warm_up_s=2.0):
        service.load = OfferedLoad(durations=read_durations("0.3-0.7"))
        monkeypatch.setattr(capacity_search, "Driver", lambda _load: service)
        monkeypatch.setattr(capacity_search, "open_stack", lambda *_: contextlib.nullcontext(STACK))
        monkeypatch.setattr(capacity_search, "REST_S", 0.0)
        monkeypatch.setattr(capacity_search, "_cpu_s", lambda _pid: 0.0)  # a trial of no length takes all CPU meanwhile
        plan = SearchPlan(start=rate_per_s, least=rate_per_s, most=rate_per_s)
        return find_capacity(
            CapacityOptions(
                objective=read_objective(objective),
                load=service.load,
                plan=plan,
                host="http://service",
                trial_s=trial_s,
                warm_up_s=warm_up_s,
            )
        )

    return run


def test_a_rate_at_which_operations_pile_up_is_not_met(tried):
    """Each operation keeps to the objective, but the later ones last longer: the rate cannot be held."""
    report = tried(Service(14.4), 20.0)
    assert (report.capacity.lower, report.capacity.upper) == (None, 20.0)
    first = report.trials[0]
    assert first.trial.why.startswith("operations pile up: 14.")
    assert first.figures.completed_per_s == pytest.approx(14.4, rel=0.1)


def test_a_rate_that_is_held_is_met(tried):
    """A service that keeps up completes as many as come, and no more."""
    report = tried(Service(200.0), 20.0)
    assert report.capacity.lower == 20.0
    assert report.trials[0].figures.completed_per_s == pytest.approx(20.0, rel=0.2)


def test_completions_after_the_trial_are_no_throughput(tried):
    """Of a short trial whose operations end later nothing has completed in it; none is counted twice either."""
    report = tried(Service(200.0), 8.0, trial_s=1.0, warm_up_s=0.1)
    assert all(one.figures.completed_per_s <= 10.0 for one in report.trials)
    assert all(one.figures.completed_per_s >= 0 for one in report.trials)


def test_a_trial_with_hardly_an_operation_has_no_answer(tried):
    """It is not certain whether it was met: the search ends, and suggests what would help."""
    report = tried(Service(200.0), 0.1, trial_s=3.0)
    assert {(one.trial.met, one.trial.valid, one.trial.too_few) for one in report.trials} == {(False, False, True)}
    assert report.trials[0].trial.why.endswith("fewer than 5 prove nothing")
    assert report.capacity.proves_nothing
    assert "(--trial)" in report.capacity.limited_by
    assert report.saturated == ""


def test_a_slightly_late_generator_hides_no_broken_limit(tried):
    """A latency that breaks the limit by more than the generator was late is the service's: the trial counts."""
    report = tried(Service(200.0, slip_ms=28.0), 20.0, "completion_ms p95 <= 300")
    assert {one.trial.valid for one in report.trials} == {True}
    assert report.capacity.upper == 20.0


def test_a_limit_that_only_lateness_broke_has_no_answer(tried):
    """Without its slip the latency would have kept to the limit: the generator was late."""
    report = tried(Service(200.0, slip_ms=400.0), 20.0, "completion_ms p95 <= 900")
    assert {(one.trial.valid, one.trial.why) for one in report.trials} == {(False, "the generator was late")}


class Unreachable(Service):
    """A service that is not there."""

    def measure(self, *arguments):
        """Return operations whose starts got no answer."""
        found = super().measure(*arguments)
        for made in found.records:
            made.state, made.error, made.seen, made.accepted = OperationState.UNREACHABLE, "refused", None, None
        return found


def test_a_service_that_is_not_there_ends_the_search(tried):
    """No rate is tried any longer: the error has the reason of the first operation."""
    with pytest.raises(UnreachableError, match="http://service does not answer: refused"):
        tried(Unreachable(200.0), 20.0)


def test_a_host_that_died_ends_the_search(tried, monkeypatch):
    """The trial is not met because of that, whatever its operations lasted, and no other rate is tried."""
    monkeypatch.setattr(capacity_search, "death_of", lambda _stack: "exit code 1")
    report = tried(Service(200.0), 20.0)
    first = report.trials[0]
    assert (first.died, first.trial.met) == ("exit code 1", False)
    assert first.trial.why == "the host died: exit code 1"


@pytest.mark.parametrize(
    ("objective", "drain_s"),
    [
        ("completion_ms p95 <= 9000", 9.0 + capacity_search.DRAIN_MARGIN_S),
        ("start_ms p95 <= 100", OfferedLoad().timeout_s),
    ],
)
def test_the_last_operations_are_waited_for(objective, drain_s):
    """What lasts longer than a completion time of the objective breaks it anyway; otherwise all may end."""
    search = object.__new__(capacity_search._Trials)
    search._options = CapacityOptions(objective=read_objective(objective))
    assert search._drain_s() == drain_s


def test_an_objective_that_cannot_be_measured_is_an_error(tried):
    """Of a service without the figure no rate has an answer: the first trial ends the search."""
    with pytest.raises(InvalidRunError, match="execution_ms"):
        tried(Service(200.0), 20.0, "execution_ms p95 <= 100")


def test_the_cpu_of_a_process_that_has_ended_is_unknown(monkeypatch):
    """The host may end while it is watched: then its figure is None, and not 0."""
    monkeypatch.setattr(capacity_search, "_cpu_s", lambda _pid: 1.0)
    found = iter([1.0, None])
    monkeypatch.setattr(capacity_search, "_tree_cpu_s", lambda _pid: next(found))
    with capacity_search._CpuWatch(1) as watch:
        pass
    assert watch.host is None


def test_the_cpu_of_a_stack_is_that_of_its_processes(monkeypatch):
    """Children count; without a process, or with one that is gone, there is no figure."""

    class Process:
        def __init__(self, pid):
            if pid == 9:
                raise capacity_search.psutil.NoSuchProcess(pid)
            self.pid = pid

        def children(self, *, recursive):
            return [Process(2), Process(3)] if recursive else []

        def cpu_times(self):
            return types.SimpleNamespace(user=float(self.pid), system=0.5)

    monkeypatch.setattr(capacity_search.psutil, "Process", Process)
    assert capacity_search._tree_cpu_s(1) == 7.5
    assert (capacity_search._tree_cpu_s(None), capacity_search._tree_cpu_s(9)) == (None, None)
