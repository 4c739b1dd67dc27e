"""gates.toml: what is understood, and how everything else is refused."""

import pytest

from durable_harness.errors import UsageError
from durable_harness.gate import COSTS, AbortRule, Gate, GateFileError, load_gate_file, load_gates
from durable_harness.gate.audit import AuditProblem
from durable_harness.gate.gatefile import RelativeGate, RelativeGates


@pytest.fixture
def load(tmp_path):
    """Return load(text): the gates of a file with that text."""

    def write_and_load(text):
        path = tmp_path / "gates.toml"
        path.write_text(text)
        return load_gates(path)

    return write_and_load


def test_every_kind_of_gate_is_read(load):
    """Latency limits are upper bounds in milliseconds; throughput alone is a lower bound; the file's order is kept."""
    text = '[completion_ms]\np50 = 1500\n"p99.9" = 4000.5\nmax = 1e4\n[operations]\nthroughput_per_s = 5\nlost = 0\n'
    assert load(text + "error_ratio = 0.01\n") == (
        Gate("completion_ms", "p50", 1500, "at most", "ms"),
        Gate("completion_ms", "p99.9", 4000.5, "at most", "ms"),
        Gate("completion_ms", "max", 10000, "at most", "ms"),
        Gate("operations", "throughput_per_s", 5, "at least", "/s"),
        Gate("operations", "lost", 0),
        Gate("operations", "error_ratio", 0.01),
    )


@pytest.mark.parametrize("metric", ["start_ms", "poll_ms", "completion_ms", "finish_ms", "detection_lag_ms", *COSTS])
def test_every_latency_can_have_a_gate(load, metric):
    """Each latency of the summary, and each cost, is a table of the file."""
    assert load(f"[{metric}]\np95 = 1\n")[0].metric == metric


def test_a_cost_may_be_limited_to_nothing(load):
    """A cost has percentiles and a mean; 0 is a limit like any other, below it there is none."""
    gates = load("[replayed_events_per_operation]\nmax = 0\nmean = 2.5\n")
    assert [(gate.statistic, gate.limit, gate.unit) for gate in gates] == [("max", 0, ""), ("mean", 2.5, "")]
    with pytest.raises(GateFileError, match=r"actions_per_operation\.max: got -1, expected a number, 0 or more"):
        load("[actions_per_operation]\nmax = -1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no gates"),
        ("[completion_ms]\n", "has no gates"),
        ("p95 = 5\n", "p95: is not a metric"),
        ("completion_ms = 5\n", "completion_ms: got 5, expected a table"),
        ("[[completion_ms]]\np95 = 5\n", "completion_ms: got an array, expected a table"),
        ("[completion]\np95 = 5\n", "Did you mean completion_ms?"),
        ("[completion_ms]\np95 = true\n", "completion_ms.p95: got a boolean, expected milliseconds above 0"),
        ("[completion_ms]\np95 = '5'\n", "completion_ms.p95: got a string, expected milliseconds above 0"),
        ("[completion_ms]\np95 = 0\n", "completion_ms.p95: got 0, expected milliseconds above 0"),
        ("[completion_ms]\np95 = nan\n", "completion_ms.p95: got nan, expected milliseconds above 0"),
        ("[completion_ms]\np95 = inf\n", "completion_ms.p95: got inf, expected milliseconds above 0"),
        ("[completion_ms]\np99.9 = 5\n", 'Write "p99.9" = …'),
        ("[completion_ms]\np0 = 5\n", "completion_ms.p0: is not a percentile"),
        ("[completion_ms]\np101 = 5\n", "completion_ms.p101: is not a percentile"),
        ("[completion_ms]\n95 = 5\n", "completion_ms.95: is not a percentile"),
        ("[completion_ms]\nmean = 5\n", "Expected p1 … p100"),
        ("[completion_ms]\np95 = 5\n'p95.0' = 6\n", "completion_ms.p95.0: is the same as p95"),
        ("[completion_ms]\nmax = 5\np100 = 6\n", "completion_ms.p100: is the same as max"),
        ("[operations]\nerror_rate = 0.1\n", "Did you mean error_ratio?"),
        ("[operations]\nerror_ratio = 1.5\n", "operations.error_ratio: got 1.5, expected a ratio from 0 to 1"),
        ("[operations]\nlost = 0.5\n", "operations.lost: got 0.5, expected a whole number of operations"),
        (
            "[operations]\nunexpected_answers = 0.5\n",
            "unexpected_answers: got 0.5, expected a whole number of operations",
        ),
        ("[operations]\nlost = -1\n", "operations.lost: got -1, expected a whole number of operations"),
        ("[operations]\nthroughput_per_s = 0\n", "got 0, expected operations per second above 0"),
        ("[completion_ms\n", "is not TOML"),
        ("[polls_per_operation]\np95 = 0\n", "got 0, expected a number of polls above 0"),
        ("[polls_per_operation]\nmedian = 5\n", "polls_per_operation.median: is not a percentile"),
        ("[relative]\np95 = 1.1\n", "relative.p95: is not a metric to compare"),
        (
            "[relative.completion_ms]\np95 = 1\n",
            "relative.completion_ms.p95: got 1, expected a multiple of the base's figure above 1",
        ),
        ("[relative.completion_ms]\nmean = 1.1\n", "relative.completion_ms.mean: is not a percentile"),
        ("[relative.actions_per_operation]\np95 = 1\n", "p95: is not a statistic of a count"),
        ("[relative.actions_per_operation]\nmean = 0.9\n", "mean: got 0.9, expected a multiple of the base's count"),
        ("[relative.actions_per_op]\nmean = 1\n", "Did you mean actions_per_operation?"),
        ("[relative]\npower = 1\n[relative.polls]\np50 = 2\n", "relative.power: got 1, expected a ratio above 0"),
        ("[relative]\npower = 0.9\n", "has no gates"),
        ("[abort]\non_fail = 1\n", "abort.on_fail: got 1, expected true or false"),
        ("[abort]\ngrace = 1\n", "Did you mean grace_s?"),
        ("[abort]\nmin_operations = 1.5\n", "abort.min_operations: got 1.5, expected a whole number"),
    ],
)
def test_what_is_not_understood_is_refused(load, tmp_path, text, message):
    """Whatever would never fail because it is misspelt, or means something else, names file, key, and what is meant."""
    with pytest.raises(GateFileError) as error:
        load(text)
    assert str(error.value).startswith(str(tmp_path / "gates.toml"))
    assert message in str(error.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    """A missing file, a folder and a file that is no text are usage errors, like a wrong gate."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "absent.toml", tmp_path, tmp_path / "binary.toml"):
        with pytest.raises(UsageError, match=str(path)):
            load_gates(path)


def test_relative_gates_and_the_rule_of_abort(tmp_path):
    """[relative] and [abort] stand beside the limits; a file may have relative gates alone."""
    path = tmp_path / "gates.toml"
    path.write_text("[relative]\npower = 0.95\n[relative.polls]\np50 = 1.2\n[abort]\ngrace_s = 5\n")
    read = load_gate_file(path)
    assert read.gates == ()
    assert read.relative == RelativeGates((RelativeGate("polls", "p50", 1.2),), None, pytest.approx(0.05))
    assert read.abort == AbortRule(grace_s=5, min_operations=100)


@pytest.mark.parametrize("count", COSTS)
def test_relative_gates_of_counts(tmp_path, count):
    """Each count can be held to the base's: by its mean, also to exactly as much."""
    path = tmp_path / "gates.toml"
    path.write_text(f"[relative.{count}]\nmean = 1\n")
    assert load_gate_file(path).relative.gates == (RelativeGate(count, "mean", 1.0),)


@pytest.mark.parametrize("text", ["", "[abort]\non_fail = false\ngrace_s = 5\n"])
def test_a_run_is_not_ended_early_unasked(tmp_path, text):
    """Without [abort], or with on_fail = false, there is no rule."""
    path = tmp_path / "gates.toml"
    path.write_text(f"[completion_ms]\np50 = 5\n{text}")
    assert load_gate_file(path).abort is None


def test_every_problem_of_an_audit_has_a_gate(tmp_path):
    """Each thing that an audit counts can be limited by its name; any other is refused with what there is."""
    path = tmp_path / "gates.toml"
    path.write_text("[audit]\n" + "".join(f"{problem.name.lower()} = 0\n" for problem in AuditProblem))
    assert {gate.name for gate in load_gates(path)} == {f"audit {problem.name.lower()}" for problem in AuditProblem}
    path.write_text("[audit]\nloost = 0\n")
    with pytest.raises(GateFileError, match=r"audit\.loost: is nothing that an audit counts\s+Did you mean lost\?"):
        load_gates(path)
