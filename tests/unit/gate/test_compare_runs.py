"""Recorded runs compared: read from a report folder, judged by blocks, reported in four forms with an exit code."""

import json
import math
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from durable_harness.cli import main
from durable_harness.gate.comparison import Decision, Design, Figure, OperationTable, Question, compare_runs
from durable_harness.gate.comparison.comparison_reports import render_json
from durable_harness.gate.comparison.operation_table import read_run
from durable_harness.gate.records import SCHEMA, with_metadata
from made_up import polled

P95 = (Figure("completion_ms", 95), Design())


def latencies_s(seed, size=4000, slower=1.0, memory=0.5):
    """Completion times of a run whose neighbours are alike."""
    rng = np.random.default_rng(seed)
    state, found = 0.0, []
    for noise in rng.standard_normal(size):
        state = memory * state + math.sqrt(1 - memory**2) * noise
        found.append(0.5 * slower * math.exp(0.15 * state))
    return found


def rows(times_s, **others):
    """One row an operation, a tenth of a second apart."""
    return [
        {
            "intended_s": 1000 + at / 10,
            "sent_s": 1000.002 + at / 10,
            "seen_s": 1000 + at / 10 + time_s,
            "ended_s": 1000 + at / 10 + time_s,
            "polls": 3,
            "state": "completed",
            "workload": "open",
            "phase": "measured",
            **others,
        }
        for at, time_s in enumerate(times_s)
    ]


@pytest.fixture
def run_folder(tmp_path):
    """Return run_folder(name, rows): a report folder with the records of a run."""

    def write(name, content, **settings):
        folder = tmp_path / name
        (folder / "operations").mkdir(parents=True)
        schema = with_metadata({"run_id": name, "settings": settings})
        columns = [pa.array([row.get(field.name) for row in content], field.type) for field in SCHEMA]
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), folder / "operations" / "one.parquet")
        return folder

    return write


@pytest.fixture
def compare(tmp_path, capsys):
    """Return compare(base, head, *options): the exit code, what was printed, and the JSON report."""

    def run(base, head, *options):
        report = tmp_path / "report"
        code = main(["compare", str(base), str(head), "--report-dir", str(report), *options])
        printed = capsys.readouterr()
        document = report / "comparison.json"
        return code, printed.out + printed.err, json.loads(document.read_text()) if document.exists() else None

    return run


@pytest.mark.parametrize(
    ("slower", "code", "verdict"), [(1.0, 0, "not slower"), (1.1, 1, "slower"), (0.8, 0, "not slower")]
)
def test_two_runs_are_compared(run_folder, compare, slower, code, verdict):
    """Equal and faster heads pass with 0, one that is 10 % slower fails with 1; the interval contains the truth."""
    base = run_folder("base", rows(latencies_s(1)))
    head = run_folder("head", rows(latencies_s(2, slower=slower)))
    got, printed, report = compare(base, head)
    assert (got, report["verdict"]) == (code, verdict)
    figure = report["figures"][0]
    assert figure["lower"] < slower < figure["upper"]
    assert f"{verdict.upper()}: completion_ms p95" in printed


def test_times_of_server_and_scheduler_can_be_read_back(run_folder):
    """Finish by the server's clock, costs, and between which moments each end lies, as recorded or NaN."""
    known = {"server_updated_s": 1000.3, "server_update_is_coarse": False, "server_clock": "scheduler"}
    known |= {"actions": 5, "replayed_events": 12, "payload_bytes": 834, "accepted_s": 1000.1, "last_pending_s": 1000.2}
    folder = run_folder("base", [*rows([0.4], **known), *rows([0.7]), *rows([0.1], seen_s=None, state="timed out")])
    operations = read_run(folder)
    assert operations.values("finish_ms") == pytest.approx([300, 100], abs=0.01)  # the last one timed out after 100
    assert [list(operations.values(name)) for name in ("actions", "replayed_events", "payload_bytes")] == [
        [5],
        [12],
        [834],
    ]
    pending_ms, seen_ms = operations.poll_windows_ms()
    assert pending_ms == pytest.approx([100, math.nan], abs=0.01, nan_ok=True)
    assert seen_ms == pytest.approx([300, math.nan], abs=0.01, nan_ok=True)


def test_a_short_run_is_inconclusive(run_folder, compare):
    """A run too short to answer ends with 3, 0 or 1 as the option specifies, and shows how much longer to run."""
    base, head = run_folder("base", rows(latencies_s(1, 300))), run_folder("head", rows(latencies_s(2, 300)))
    code, printed, report = compare(base, head)
    assert (code, report["verdict"]) == (3, "cannot tell")
    assert "times as long" in printed
    assert compare(base, head, "--cannot-tell", "pass")[0] == 0
    assert compare(base, head, "--cannot-tell", "fail")[0] == 1


def test_a_head_that_breaks_operations_fails(run_folder, compare):
    """Latency of what still works is no excuse: failing fast is not fast."""
    content = rows(latencies_s(2))
    for row in content[::20]:
        row.update(state="failed", seen_s=row["sent_s"] + 0.01)
    base, head = run_folder("base", rows(latencies_s(1))), run_folder("head", content)
    code, printed, _ = compare(base, head)
    assert code == 1
    assert "5.0% of the head's operations did not complete" in printed
    assert compare(head, base)[0] == 3
    assert compare(base, head, "--max-error-ratio", "6")[0] == 0


def test_warm_up_and_drain_are_left_out(run_folder, compare):
    """Only measured operations count."""
    content = rows(latencies_s(2))
    slow = rows([30.0] * 2000, phase="warm-up")
    base, head = run_folder("base", rows(latencies_s(1))), run_folder("head", slow + content)
    assert compare(base, head)[0] == 0


def test_what_timed_out_counts_as_the_time_it_lasted():
    """An operation whose end was never seen is in the percentiles with the time until it was given up."""
    times = [*latencies_s(1, 900), *[60.0] * 100]
    content = rows(times)
    for row in content[900:]:
        row.update(state="timed out", seen_s=None)
    assert OperationTable.from_rows(content).values("completion_ms").max() == pytest.approx(60_000)


def test_a_closed_workload_counts_from_sending():
    """Completion counts from the intended start of an open workload, from sending in a closed one."""
    opened, closed = rows([0.5]), rows([0.5], workload="closed")
    assert OperationTable.from_rows(opened).values("completion_ms")[0] == pytest.approx(500)
    assert OperationTable.from_rows(closed).values("completion_ms")[0] == pytest.approx(498)


def test_whole_seconds_of_a_server_are_no_figure():
    """Server completion is created to finished; if one of them is known in whole seconds only, there is none."""
    times = {"server_created_s": 1000.25, "server_updated_s": 1000.75}
    fine, coarse = rows([0.9], **times), rows([0.9], **times | {"server_created_s": 1000.0})
    assert list(OperationTable.from_rows(fine).values("server_completion_ms")) == [pytest.approx(500)]
    assert list(OperationTable.from_rows(coarse).values("server_completion_ms")) == []
    late = rows([0.9], **times, server_update_is_coarse=True)
    assert list(OperationTable.from_rows(late).values("server_completion_ms")) == []


LACKS = "not measured: audit wrong_output (30 outputs were not compared with their starts): leave the gate out"


@pytest.mark.parametrize("verdict", ["failed", "invalid"])
def test_a_gate_that_was_not_measured_spoils_no_other_figure(run_folder, compare, verdict):
    """The run failed by another gate, or is invalid by this one alone: its times are compared, and a note states it."""
    base, head = run_folder("base", rows(latencies_s(1))), run_folder("head", rows(latencies_s(2)))
    (base / "summary.json").write_text(json.dumps({"verdict": verdict, "invalid": [LACKS]}))
    code, printed, report = compare(base, head, "--metric", "completion_ms p95")
    assert (code, report["invalid"]) == (0, [])
    assert (f"a gate of {base} is {LACKS}" in printed) is (verdict == "invalid")


def test_an_invalid_run_is_no_side_of_a_comparison(run_folder, compare):
    """What a run's own summary calls invalid stays so: the comparison ends with 3 and repeats the reason."""
    base, head = run_folder("base", rows(latencies_s(1))), run_folder("head", rows(latencies_s(2)))
    (head / "summary.json").write_text(json.dumps({"invalid": ["the generator was late"]}))
    code, printed, _ = compare(base, head / "summary.json")
    assert code == 3
    assert "is an invalid run: the generator was late" in printed


def side(count=3000, seed=1, **others):
    """Return a run of a service with works of about 0.2 s; by default of our host, which knows everything."""
    rng = np.random.default_rng(seed)
    return polled(rng.uniform(190, 210, count), 50.0, 1 - rng.random(count), **others)


def test_the_default_figure_has_no_polls_in_it():
    """Runs whose finish is known are compared by it, without a note; the report shows whose clock it is of."""
    comparison = compare_runs(side(), side(seed=2), Question())
    (result,) = comparison.results
    assert (result.figure.name, result.resolution, comparison.answer) == ("finish_ms p95", 0, Decision.NOT_SLOWER)
    assert not any("finish_ms" in note for note in comparison.notes)
    (document,) = json.loads(render_json(comparison))["figures"]
    assert document["clock"] == "from the generator's clock to the server's"
    assert document["sample"] == "30 and 30 blocks of 100 operations"
    assert 0 < document["visible"] < 0.05


@pytest.mark.parametrize("coarse", ["base", "head"])
def test_what_the_client_saw_stands_in_for_an_unknown_finish(coarse):
    """If one run has whole seconds only, completion is compared instead, and a note gives the reason."""
    base, head = (side(seed=seed, is_fine=name != coarse) for seed, name in ((1, "base"), (2, "head")))
    comparison = compare_runs(base, head, Question())
    assert [result.figure.name for result in comparison.results] == ["completion_ms p95"]
    assert (
        "finish_ms, which has no polls in it, is not known for most operations of both runs: completion_ms is compared"
        in comparison.notes
    )
    assert comparison.answer is Decision.NOT_SLOWER


@pytest.mark.parametrize(
    ("figure", "lacking", "words"),
    [
        ("execution_ms", {"is_fine": False}, "the service reports times in whole seconds"),
        ("server_completion_ms", {"server_created_s": np.full(3000, 1000.0)}, "the service reports times in whole"),
        ("finish_ms", {"is_fine": False}, "the service reports times in whole seconds"),
        ("finish_ms", {"server_updated_s": np.full(3000, np.nan)}, "does not report when operations began or ended"),
        ("execution_ms", {"server_running_s": np.full(3000, np.nan)}, "does not report when operations began or ended"),
        ("completion_ms", {"seen_s": np.full(3000, np.nan)}, "no operation was seen to end"),
    ],
)
def test_a_figure_that_a_run_lacks_is_refused_with_the_reason(figure, lacking, words):
    """The message names the side and the reason, and lists what that run has."""
    comparison = compare_runs(side(), side(**lacking), Question(((Figure(figure, 95), Design()),)))
    (message,) = comparison.invalid
    assert comparison.exit_code() == 3
    assert message.startswith(f"{figure} p95: the head has no operation with this figure: ")
    assert words in message
    known = message.partition("It has: ")[2].split(", ")
    assert "start_ms" in known
    assert figure not in known


def test_a_finish_known_in_part_does_not_stand_for_a_run():
    """If many operations lack it, completion is compared by default; asked for, it is compared with a note."""
    good = side()
    ends = np.where(np.arange(3000) % 2, good._columns["server_updated_s"], np.nan)
    partly = side(server_updated_s=ends)
    assert [result.figure.name for result in compare_runs(good, partly, Question()).results] == ["completion_ms p95"]
    asked = compare_runs(good, partly, Question(((Figure("finish_ms", 95), Design()),)))
    assert "finish_ms is known for 1,500 of 3,000 operations of the head only" in asked.notes
    assert not any("of the base only" in note for note in asked.notes)


def test_a_mean_without_counts_is_refused_with_the_reason():
    """Counts are known for hosts of durable-harness alone."""
    comparison = compare_runs(side(is_counted=False), side(), Question(((Figure("actions_per_operation"), Design()),)))
    assert "only a host of durable-harness counts them. It has: finish_ms, " in comparison.sentence


@pytest.mark.parametrize("figure", ["finish_ms", "completion_ms", "server_completion_ms"])
def test_a_head_without_any_end_is_failed_not_lacking(figure):
    """Operations that never ended fail the head; the figure that is missing for that reason is a note that says so."""
    never = {name: np.full(3000, np.nan) for name in ("seen_s", "server_updated_s", "ended_s")}
    head = side(state=np.full(3000, "failed", dtype=object), **never)
    comparison = compare_runs(side(), head, Question(((Figure(figure, 95), Design()),)))
    assert (comparison.exit_code(), comparison.invalid) == (1, ())
    assert "100.0% of the head's operations did not complete" in comparison.sentence
    assert any("this figure: no operation was seen to end" in note for note in comparison.notes)


def test_a_head_that_hangs_is_slower_by_its_finish():
    """An operation that timed out has no end at the server: the time it had lasted counts, it is not left out."""
    state = np.full(3000, "completed", dtype=object)
    state[::10] = "timed out"
    hung = {name: np.where(state == "timed out", np.nan, 0.0) for name in ("seen_s", "server_updated_s")}
    good = side(seed=2)
    columns = {name: good._columns[name] + hung[name] for name in hung}
    ended = np.where(state == "timed out", good._columns["intended_s"] + 60, good._columns["ended_s"])
    head = side(seed=2, state=state, ended_s=ended, **columns)
    assert head.values("finish_ms").max() == pytest.approx(60_000)
    comparison = compare_runs(side(), head, Question(max_error_ratio=0.2))
    assert (comparison.results[0].figure.name, comparison.answer) == ("finish_ms p95", Decision.SLOWER)


def test_times_out_alone_make_no_finish_known():
    """A service that reports no ends has no finish, also if some of its operations timed out."""
    state = np.full(3000, "completed", dtype=object)
    state[::10] = "timed out"
    assert not len(side(is_fine=False, state=state).values("finish_ms"))


def test_counts_are_the_first_lines(run_folder, compare):
    """What changed in whole numbers stands above the figures, with a hint on how to judge it; unknown is one line."""
    runs = [rows(latencies_s(seed), actions=actions) for seed, actions in ((1, 7), (2, 9))]
    base, head = (run_folder(name, content) for name, content in zip(("base", "head"), runs, strict=True))
    code, printed, report = compare(base, head)
    assert code == 0
    lines = printed.splitlines()
    assert lines[2] == "head dispatches 2 actions more an operation: 7 → 9 (all 4,000 operations)"
    assert "counts are not judged unless asked for: --metric actions_per_operation" in lines
    known = [(count["metric"], count["difference"], count["exact"], count["judged"]) for count in report["counts"]]
    assert known[0] == ("actions_per_operation", 2, True, False)
    assert report["counts"][1]["base"] is None
    assert report["format"] == 2
    code, printed, report = compare(base, head, "--metric", "actions_per_operation")
    assert (code, report["verdict"], report["figures"]) == (1, "slower", [])
    assert "\n\n\n" not in printed
    assert compare(base, head, "--metric", "actions_per_operation", "--effect", "30")[0] == 0
    plain = run_folder("plain", rows(latencies_s(1)))
    assert "payload bytes are not known: only a host of durable-harness counts them" in compare(plain, plain)[1]


def test_a_judged_count_is_a_case_of_the_junit_report(run_folder, compare, tmp_path):
    """A count that rose is a failure of its own, with its sentence, beside the figure that passed."""
    runs = [rows(latencies_s(seed), actions=actions) for seed, actions in ((1, 7), (2, 9))]
    base, head = (run_folder(name, content) for name, content in zip(("base", "head"), runs, strict=True))
    code, _, _ = compare(base, head, "--metric", "actions_per_operation", "--metric", "completion_ms p95")
    assert code == 1
    suite = ET.parse(tmp_path / "report" / "comparison.xml").getroot()
    assert [(case.get("name"), [mark.get("message") for mark in case]) for case in suite] == [
        ("actions_per_operation", ["head dispatches 2 actions more an operation: 7 → 9 (all 4,000 operations)"]),
        ("completion_ms p95", []),
    ]


def test_a_maximum_of_runs_is_not_compared():
    """No length of a run makes two maxima comparable: the verdict is open, and names a figure that can be compared."""
    (result,) = compare_runs(side(), side(seed=2), Question(((Figure("finish_ms", 100), Design()),))).results
    assert result.answer is Decision.CANNOT_TELL
    assert result.advice.endswith("compare a percentile such as p99")


def test_relative_counts_of_a_gates_file(run_folder, compare, tmp_path):
    """[relative.actions_per_operation] judges the count: mean = 1 allows no increase, 1.3 allows 30 %."""
    gates = tmp_path / "gates.toml"
    base, head = (run_folder(name, rows(latencies_s(1), actions=count)) for name, count in (("base", 7), ("head", 9)))
    for ratio, code in ((1, 1), (1.3, 0), (1.2, 1)):
        gates.write_text(f"[relative.actions_per_operation]\nmean = {ratio}\n")
        assert compare(base, head, "--gates", str(gates))[0] == code


def test_settings_that_differ_are_reported(run_folder, compare):
    """Runs with different settings can be compared, and the report shows in what they differ."""
    base = run_folder("base", rows(latencies_s(1)), rate="20/s", users="5")
    head = run_folder("head", rows(latencies_s(2)), rate="30/s", users="5")
    code, printed, _ = compare(base, head)
    assert code == 0
    assert "the runs differ in rate: 20/s and 30/s" in printed
    assert "users" not in printed


def test_several_figures_share_the_errors():
    """The worst answer of all figures is the answer; each figure gets its share of the false-alarm rate."""
    base, head = OperationTable.from_rows(rows(latencies_s(1))), OperationTable.from_rows(rows(latencies_s(2), polls=5))
    both = compare_runs(base, head, Question((P95, (Figure("polls", 50), Design(effect=0.34)))))
    assert [result.answer for result in both.results] == [Decision.NOT_SLOWER, Decision.SLOWER]
    assert both.answer is Decision.SLOWER
    alone = compare_runs(base, head, Question((P95,)))
    assert alone.results[0].upper <= both.results[0].upper


def test_relative_gates_of_a_file(run_folder, compare, tmp_path):
    """[relative] sets which figures are compared, which effect matters, and the error rates."""
    gates = tmp_path / "gates.toml"
    gates.write_text("[relative]\npower = 0.95\n[relative.completion_ms]\np50 = 1.2\n[relative.polls]\np50 = 1.5\n")
    base, head = run_folder("base", rows(latencies_s(1))), run_folder("head", rows(latencies_s(2, slower=1.1)))
    code, _, report = compare(base, head, "--gates", str(gates))
    assert code == 0
    printed = [(figure["name"], figure["effect"], figure["miss_rate"]) for figure in report["figures"]]
    assert printed == [
        ("completion_ms p50", pytest.approx(0.2), pytest.approx(0.05)),
        ("polls p50", pytest.approx(0.5), pytest.approx(0.05)),
    ]


def test_the_outputs_for_ci(run_folder, compare, tmp_path, monkeypatch):
    """Markdown goes to the step summary too, after what is there; JUnit has the slower figure as a failure."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    compare(run_folder("base", rows(latencies_s(1))), run_folder("head", rows(latencies_s(2, slower=1.2))))
    text = summary.read_text()
    assert text.startswith("before\n### ❌ Slower")
    assert "| completion_ms p95 |" in text
    suite = ET.parse(tmp_path / "report" / "comparison.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "slower" in suite.find("testcase/failure").get("message")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "latency p95"], "'latency' is not a metric to compare"),
        (["--metric", "completion_ms p0"], "'p0' is not a percentile"),
        (["--effect", "0"], "'0' is not a percentage above 0 and below 100"),
        (["--power", "100"], "'100' is not a percentage"),
        (["--gates", "absent.toml"], "there is no such gates file"),
    ],
)
def test_wrong_options_end_with_two(run_folder, compare, options, message):
    """What is asked wrongly is not answered; the message names the value and what is allowed."""
    folder = run_folder("base", rows([0.5]))
    code, printed, report = compare(folder, folder, *options)
    assert (code, report) == (2, None)
    assert message in printed


def test_runs_without_records(tmp_path, compare):
    """A folder that is none is a configuration error; a summary without records beside it proves nothing."""
    assert compare(tmp_path / "absent", tmp_path)[0] == 2
    summary = tmp_path / "summary.json"
    summary.write_text("{}")
    code, printed, _ = compare(summary, summary)
    assert code == 3
    assert "has no records of single operations" in printed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["ab", "--base", "HEAD", "--start-path", "orders"], "got 'orders', expected a path of the app"),
        (["ab", "--base", "HEAD", "--start-path", "http://localhost/api/orders"], "expected a path of the app"),
        (["ab", "--base", "HEAD", "--pairs", "2"], "--pairs 2: 9 pairs are the fewest that can give an answer"),
        (["ab", "--base", "HEAD", "--comparisons", "2"], "--comparisons is for --aa"),
        (["ab", "--base", "HEAD", "--report-dir", "/proc/nowhere"], "--report-dir: /proc/nowhere cannot be written"),
        (
            ["capacity", "--objective", "finish_ms p95 <= 2000", "--start-path", "x"],
            "got 'x', expected a path of the app",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(options, words, capsys):
    """A route that is none, too few pairs, or a folder that cannot be written ends with 2, and not after the load."""
    assert main(options) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "report"),
    [
        (["ab", "--base", "HEAD", "--evidence", "x.tar"], "comparison.json"),
        (["ab", "--aa", "--evidence", "x.tar"], "comparison.json"),
        (["capacity", "--objective", "finish_ms p95 <= 2000", "--evidence", "x.tar"], "capacity.json"),
        (["capacity", "--objective", "finish p95"], "capacity.json"),
    ],
)
def test_a_wrong_option_removes_no_report(command, report, tmp_path):
    """Whoever mistypes an option finds the report of the experiment before as it was."""
    (tmp_path / report).write_text("of before")
    assert main([*command, "--report-dir", str(tmp_path)]) == 2
    assert (tmp_path / report).read_text() == "of before"


def test_gates_without_relative_ones_compare_nothing(run_folder, compare, tmp_path):
    """A gates file that has no [relative] table is not silently left aside; --metric takes its effect from there."""
    gates = tmp_path / "gates.toml"
    gates.write_text("[start_ms]\np95 = 100\n")
    base, head = run_folder("base", rows(latencies_s(1))), run_folder("head", rows(latencies_s(2, slower=1.1)))
    code, words, _ = compare(base, head, "--gates", str(gates))
    assert (code, "has no [relative] table" in words) == (2, True)
    gates.write_text("[relative.completion_ms]\np95 = 1.3\n")
    code, _, report = compare(base, head, "--gates", str(gates), "--metric", "completion_ms p95")
    assert (code, report["figures"][0]["effect"]) == (0, pytest.approx(0.3))


def test_an_earlier_report_does_not_outlive_a_failed_comparison(run_folder, compare, tmp_path):
    """What cannot be compared leaves no report of an earlier comparison for others to publish."""
    folder = run_folder("base", rows(latencies_s(1)))
    assert compare(folder, folder)[0] == 0
    assert compare(folder, tmp_path / "absent")[2] is None
    assert list((tmp_path / "report").iterdir()) == [], "in no form"


def test_a_run_that_was_cut_short_is_noted(run_folder, compare):
    """A run without its summary was killed, or continues: a comparison of it says so."""
    base, head = run_folder("base", rows(latencies_s(1))), run_folder("head", rows(latencies_s(2)))
    assert "the run was cut short, or is not over" in compare(base, head)[1]
    for folder in (base, head):
        (folder / "summary.json").write_text("{}")
    assert "cut short" not in compare(base, head)[1]


def test_a_faster_head_leaves_no_slowdown_to_be_seen():
    """The smallest visible change is never above what matters where the answer is "not slower"."""
    base, head = (
        OperationTable.from_rows(rows(latencies_s(seed, slower=slower))) for seed, slower in ((1, 1.0), (2, 0.7))
    )
    fast = compare_runs(base, head, Question((P95,)))
    result = fast.results[0]
    assert (result.answer, result.visible) == (Decision.NOT_SLOWER, None)
    assert "visible" not in fast.sentence


def test_the_party_that_grew_is_named_if_both_runs_know_it(run_folder, compare):
    """From the summaries of both runs; with one of them alone nothing is reported."""
    base, head = run_folder("base", rows(latencies_s(1))), run_folder("head", rows(latencies_s(2, slower=1.1)))
    for folder, mean_ms in ((base, 500.0), (head, 550.0)):
        causes = [{"part": "code", "label": "code", "mean_ms": mean_ms, "names": {"work": mean_ms}, "hint": None}]
        app = {"mean_ms": mean_ms, "share": 1.0, "causes": causes}
        who = {"mean": {"operations": 40, "mean_ms": mean_ms, "shares": {"app": app}}}
        (folder / "summary.json").write_text(json.dumps({"invalid": [], "who": who}))
    _, printed, report = compare(base, head)
    assert "who was it: +50.0 ms in the mean: app +50.0 ms (500.0 to 550.0 ms, code 'work' 550 ms)" in printed
    assert report["who"]["head"]["shares"]["app"]["mean_ms"] == 550
    (base / "summary.json").write_text(json.dumps({"invalid": []}))
    assert compare(base, head)[2]["who"] is None
