"""The metrics of a run as values: what they are made from, and what they leave out."""

import sys

import pytest

from durable_harness.errors import UsageError
from durable_harness.gate import Histogram
from durable_harness.load.metrics import otlp
from durable_harness.load.metrics.families import Buckets, buckets_of, families
from durable_harness.operations import OperationPhase, OperationState
from tallies import record, run_of


def points(run, name):
    """Return the values of a metric by their labels; none if there is no such metric."""
    found = {family.name: family for family in families(run)}
    family = found.get(f"durable_harness_load_{name}")
    return {} if family is None else {tuple(labels.values()): value for labels, value in family.points}


def test_each_value_is_in_the_bucket_up_to_its_bound():
    """Values are counted up to their bounds, one beyond all bounds in the last bucket; sums are exact."""
    histogram = Histogram()
    for value_ms in (-3.0, 1.0, 499.0, 501.0, 9000.0):
        histogram.record(value_ms)
    buckets = buckets_of(histogram, (0.001, 0.5, 1.0), 1000)
    assert buckets == Buckets((0.001, 0.5, 1.0), (2, 1, 1, 1), pytest.approx(9.998), -0.003, 9.0)
    assert buckets.count == 5


def test_each_scenario_has_its_values():
    """Counts by state and times in seconds are those of each scenario; a state that none ended in is 0."""
    run = run_of(
        record(scenario="Steady"),
        record(OperationState.FAILED, scenario="Steady"),
        record(scenario="Burst", lasted=0.5),
    )
    assert points(run, "operations_started") == {("Steady",): 2, ("Burst",): 1}
    ended = points(run, "operations_ended")
    assert (ended["Steady", "completed"], ended["Steady", "failed"], ended["Burst", "failed"]) == (1, 1, 0)
    completion = points(run, "completion_seconds")
    assert {name: value.sum for (name,), value in completion.items()} == {"Steady": 4.0, "Burst": 0.5}
    assert points(run, "polls_per_operation")["Burst",].sum == 4


def test_what_no_operation_has_is_no_metric():
    """A time that the service does not report is left out, and is no 0; so is everything before the first operation."""
    run = run_of(record(scenario="Steady"))
    assert points(run, "execution_seconds") == {}
    assert list(families(run_of())) == []


def test_a_warm_up_is_counted_apart():
    """Operations that are in no figure of the report are in no metric but the one that says how many they are."""
    run = run_of(record(scenario="Steady", phase=OperationPhase.WARM_UP))
    assert points(run, "operations_excluded") == {("Steady", "warm-up"): 1}
    assert points(run, "operations_started") == {("Steady",): 0}


@pytest.mark.parametrize(
    ("endpoint", "message"), [("http://x", "--otlp-endpoint is given"), ("", "OTLP_ENDPOINT is set")]
)
def test_missing_packages_are_named(monkeypatch, endpoint, message):
    """Who asks for OTLP without the extra hears what to install."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    with pytest.raises(UsageError) as error:
        otlp.OtlpExport(endpoint, None)
    assert message in str(error.value)
    assert 'pip install "durable-harness[otel]"' in str(error.value)


def test_an_interval_that_is_none_is_refused(monkeypatch):
    """The variable of OpenTelemetry that says how often to send must be a number of milliseconds."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "often")
    with pytest.raises(UsageError, match="got 'often', expected milliseconds above 0"):
        otlp.OtlpExport("http://localhost:4318", None)
