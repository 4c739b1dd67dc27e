"""The tally: every operation counted once, latencies of the right operations, merged without loss."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_harness.gate import OutcomeCounts
from durable_harness.gate.measurable import NO_BEGINNING, NO_COSTS, NO_END, WHOLE_SECONDS
from durable_harness.gate.reasons import MOST_REASONS, OTHER_REASONS
from durable_harness.load.results.run_summary import summarize, summarize_run
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.results.tally import Tally, merged
from durable_harness.operations import OperationPhase, OperationState, Workload
from tallies import ENDS, SEEN, across_processes, record, run_of, tally_of


def test_each_end_is_counted_under_its_name():
    """Every way to end has a count of its own, and all of them together are what was started."""
    counts = summarize(tally_of(*(record(state) for state in ENDS))).counts
    ends = {state.name.lower(): 1 for state in ENDS}
    assert counts == OutcomeCounts(started=len(ENDS), accepted=len(ENDS) - 2, **ends)
    assert counts.errors == len(ENDS) - 2  # all but completed and terminated


def test_completion_times_are_of_ends_seen_or_timed_out():
    """An end that was seen counts at its time, a time-out at what it had lasted; the lost and refused have none."""
    summary = summarize(tally_of(*(record(state, lasted=index + 1) for index, state in enumerate(ENDS))))
    seen = sorted(1000.0 * (i + 1) for i, state in enumerate(ENDS) if state in SEEN | {OperationState.TIMED_OUT})
    completion = summary.latencies_ms["completion_ms"]
    assert completion.count == len(seen)
    assert (completion.min, completion.max) == (seen[0], seen[-1])
    assert summary.polls_per_operation.count == len(SEEN)
    assert summary.latencies_ms["start_ms"].count == len(ENDS) - 2


def test_lags_and_their_coarseness_are_reported():
    """Detection lags need the server's time, finer than seconds; coarse ones and those below zero are noted."""
    ended_at = 1_000_101.0
    summary = summarize(
        tally_of(
            record(server_updated_epoch_s=ended_at),
            record(server_updated_epoch_s=ended_at, server_update_is_coarse=True),
            record(server_updated_epoch_s=ended_at + 5),
            record(),
        )
    )
    lag = summary.latencies_ms["detection_lag_ms"]
    assert (lag.count, lag.min, lag.max) == (2, -4000, 1000)
    assert summary.coarse_lags == 1
    assert len(summary.notes) == 2


def test_figures_that_no_operation_has_name_the_reason():
    """Whole seconds, no time at all, and no costs are distinguished; what some operation has is measurable."""
    whole = summarize(tally_of(record(server_updated_epoch_s=1_000_101.0, server_update_is_coarse=True)))
    assert whole.not_measurable["detection_lag_ms"] == whole.not_measurable["finish_ms"] == WHOLE_SECONDS
    none = summarize(tally_of(record()))
    assert (none.not_measurable["detection_lag_ms"], none.not_measurable["queueing_ms"]) == (NO_END, NO_BEGINNING)
    assert none.not_measurable["actions_per_operation"] == NO_COSTS
    mixed = summarize(
        tally_of(finished(100.5, 101.5), record(server_update_is_coarse=True, server_updated_epoch_s=1.0))
    )
    assert "detection_lag_ms" not in mixed.not_measurable
    assert summarize(tally_of(record(OperationState.LOST))).not_measurable == {}


COSTS_OF_TWO = {
    "actions": {"orchestration": 1, "activity": 2, "result": 2},
    "replayed_events": 12,
    "payload_bytes": 834,
}


def test_costs_are_counted_by_kind_and_figures_name_clocks():
    """What the scheduler measured of an operation is in the tally, with the clock that each figure is of."""
    scheduled = {"server_running_epoch_s": 1_000_100.5, "server_updated_epoch_s": 1_000_101.5}
    summary = summarize(tally_of(record(server_clock="scheduler", **scheduled, **COSTS_OF_TWO), record()))
    assert {name: (cost.count, cost.max) for name, cost in summary.costs.items()} == {
        "actions_per_operation": (1, 5),
        "replayed_events_per_operation": (1, 12),
        "payload_bytes_per_operation": (1, 834),
    }
    assert summary.actions == COSTS_OF_TWO["actions"]
    assert summary.latencies_ms["finish_ms"].max == pytest.approx(1500, abs=0.01)
    assert summary.clocks["completion_ms"] == "the generator's clock"
    assert summary.clocks["execution_ms"] == "the scheduler's clock"
    assert summary.clocks["finish_ms"] == "the generator's clock and the scheduler's clock"
    assert summary.clocks["actions_per_operation"] == "counted by the scheduler"


def test_what_is_learned_later_is_added_once():
    """Histories add what was not known; a figure that an operation had already is not counted again."""
    known = {"server_updated_epoch_s": 1_000_101.5, "server_clock": "service"}
    before = record(**known)
    tally = tally_of(before, record(server_updated_epoch_s=1_000_101.0, server_update_is_coarse=True))
    assert tally.lacks
    later = {"server_running_epoch_s": 1_000_100.5, "server_updated_epoch_s": 1_000_101.75, "server_clock": "history"}
    tally.learn([(before, record(**later, actions={"orchestration": 1}))])
    summary = summarize(tally)
    counts = [summary.latencies_ms[name].count for name in ("finish_ms", "detection_lag_ms", "execution_ms")]
    assert counts == [1, 1, 1]
    assert summary.latencies_ms["finish_ms"].max == pytest.approx(1500, abs=0.01)
    assert summary.clocks["finish_ms"] == "the generator's clock and the service's clock"
    assert summary.clocks["execution_ms"] == "the clock of the histories"
    assert summary.clocks["actions_per_operation"] == "counted from histories"
    assert summary.costs["actions_per_operation"].count == 1
    assert (tally.split.sums.count, tally.split.unknown) == (1, 1)


def test_time_is_split_into_parts_that_are_the_whole():
    """Slip, start, queueing, execution and detection lag follow one another and add up to completion."""
    server = {"server_running_epoch_s": 1_000_101.0, "server_updated_epoch_s": 1_000_101.75}
    split = tally_of(record(lasted=2.0, intended=99.5, workload=Workload.OPEN, **server)).split
    assert split.sums.means_ms() == {
        "slip": 500,
        "start": 250,
        "queueing": 750,
        "execution": 750,
        "detection_lag": 250,
    }
    assert split.excess_ms.max == 0


def test_overlapping_parts_are_reported():
    """Work that began before its 202 was there did not queue; what the parts come to above the whole is kept."""
    split = tally_of(record(server_running_epoch_s=1_000_100.24, server_updated_epoch_s=1_000_102.0)).split
    assert split.sums.means_ms()["queueing"] == 0
    assert split.excess_ms.max == pytest.approx(10, abs=0.01)


def finished(begun_s, ended_s):
    """Make the record of an operation, sent at 100.0 and seen to end at 102.0, with the server's own times."""
    return record(server_running_epoch_s=1_000_000.0 + begun_s, server_updated_epoch_s=1_000_000.0 + ended_s)


def test_operations_bound_the_servers_clock():
    """None began before it was sent or ended after that was seen: all together show how far the clocks are apart."""
    split = tally_of(finished(100.5, 101.5), finished(100.2, 101.9)).split
    assert split.clock_ms == pytest.approx((-100, 200), abs=0.01)
    assert split.clock_error_ms == 0
    assert summarize(tally_of(finished(100.5, 101.5))).notes == ()


@pytest.mark.parametrize(
    ("begun_s", "ended_s", "words"), [(105, 106, "4,000.0 ms ahead of"), (95, 96, "5,000.0 ms behind")]
)
def test_clocks_that_differ_are_reported(begun_s, ended_s, words):
    """Two machines' clocks are never subtracted silently: the least by which they differ is in the notes."""
    notes = summarize(tally_of(finished(begun_s, ended_s))).notes
    assert f"the server's clock is at least {words} the one here" in notes[-1]


@pytest.mark.parametrize(
    "known",
    [
        {"server_running_epoch_s": 1_000_101.0},
        {"server_updated_epoch_s": 1_000_101.0},
        {
            "server_running_epoch_s": 1_000_101.0,
            "server_updated_epoch_s": 1_000_101.0,
            "server_update_is_coarse": True,
        },
    ],
)
def test_what_the_server_does_not_report_is_unknown(known):
    """Without the moment that work began, or ended, finer than whole seconds, an operation is not split but counted."""
    split = tally_of(record(**known)).split
    assert (split.sums.count, split.unknown) == (0, 1)


def test_polls_and_their_failures_are_counted():
    """Each poll is a sample; those without a usable answer are noted."""
    tally = tally_of(record())
    tally.polled(record(), 5.0, None)
    tally.polled(record(OperationState.IN_FLIGHT), 7.0, "no answer: gone")
    summary = summarize(tally)
    assert (summary.polls, summary.failed_polls, summary.latencies_ms["poll_ms"].max) == (2, 1, 7.0)
    assert summary.notes == ("1 of 2 polls had no usable answer and were tried again",)


@pytest.mark.parametrize(
    ("problems", "note"),
    [
        (
            {"failed": OperationState.FAILED},
            "1 of 2 polls had no usable answer and ended their operations",
        ),
        (
            {"failed": OperationState.FAILED, "busy": OperationState.IN_FLIGHT},
            "2 of 3 polls had no usable answer: 1 were tried again, 1 ended their operations",
        ),
    ],
)
def test_a_poll_that_ended_its_operation_was_not_tried_again(problems, note):
    """The note of polls without a usable answer separates repeated polls from those that ended an operation."""
    tally = Tally()
    tally.polled(record(), 5.0, None)
    for problem, state in problems.items():
        tally.polled(record(state), 7.0, problem)
    assert summarize(Tally.from_wire(tally.to_wire())).notes == (note,)
    assert merged([tally, tally]).ending_polls == 2


def test_throughput_counts_from_first_start_to_last_end():
    """The time of a run is from the first start that was sent until the last operation ended."""
    summary = summarize(tally_of(record(lasted=1.0), record(lasted=4.0)))
    assert (summary.elapsed_s, summary.throughput_per_s) == (4.0, 0.5)
    assert summary.started_epoch_s == 1_000_100.0


def test_what_is_not_measured_is_in_no_figure():
    """Operations of the warm-up and the drain are noted, and are in no count, latency or reason."""
    others = [record(phase=phase, polls=9) for phase in (OperationPhase.WARM_UP, OperationPhase.DRAIN)]
    tally = tally_of(record(), *others, record(OperationState.FAILED, phase=OperationPhase.WARM_UP))
    tally.polled(others[0], 99.0, "busy")
    summary = summarize(tally)
    assert summary.counts == OutcomeCounts(started=1, accepted=1, completed=1)
    assert {name: histogram.count for name, histogram in summary.latencies_ms.items() if histogram.count} == {
        "slip_ms": 1,
        "start_ms": 1,
        "completion_ms": 1,
        "polling_ms": 1,
    }
    assert (summary.polls, summary.reasons, tally.in_flight) == (0, (), 0)
    assert summary.notes == (
        "2 operations of the warm-up are in no figure",
        "1 operations of the drain are in no figure",
    )


def test_an_open_workload_counts_from_the_intended_start():
    """What an open workload's operation waited before it was sent is part of its completion, as a lower bound too."""
    late = {"intended": 98.0, "workload": Workload.OPEN}
    summary = summarize(tally_of(record(lasted=1.0, **late), record(OperationState.TIMED_OUT, lasted=4.0, **late)))
    completion = summary.latencies_ms["completion_ms"]
    assert (completion.min, completion.max) == (3000, 6000)


def test_remarks_of_all_processes_are_noted():
    """What a worker reports beside its figures, like a disk that was full, reaches the summary."""
    tally = Tally()
    tally.remarks.append("records of operations are missing: no space left")
    sent = Tally.from_wire(json.loads(json.dumps(tally.to_wire())))
    assert summarize(merged([sent, tally_of(record())])).notes == tuple(tally.remarks)


def test_what_has_not_ended_is_unaccounted():
    """Operations of a worker that vanished are neither completed nor forgotten."""
    tally = tally_of(record())
    tally.started(record())
    assert tally.in_flight == summarize(tally).counts.unaccounted == 1


def test_a_run_without_operations_is_invalid():
    """Nothing was measured, so nothing is proved."""
    summary = summarize(Tally())
    assert summary.invalid == ("no operation was started",)
    assert (summary.error_ratio, summary.throughput_per_s) == (None, None)


def test_the_list_of_reasons_is_bounded():
    """A server that words every refusal differently does not fill the memory: beyond a limit reasons share one line."""
    refusals = [record(OperationState.REFUSED, error=f"reason {'x' * index}") for index in range(MOST_REASONS + 7)]
    reasons = summarize(tally_of(*refusals, record(OperationState.REFUSED, error="reason "))).reasons
    assert len(reasons) == MOST_REASONS + 1
    assert {reason.reason: reason.count for reason in reasons}[OTHER_REASONS] == 7
    assert {reason.reason: reason.count for reason in reasons}["reason "] == 2


RECORDS = st.lists(
    st.builds(
        record,
        st.sampled_from(ENDS),
        lasted=st.floats(0, 300),
        polls=st.integers(0, 50),
        actions=st.none() | st.dictionaries(st.sampled_from(["activity", "result"]), st.integers(1, 9)),
        server_updated_epoch_s=st.none() | st.just(1_000_101.0),
        server_update_is_coarse=st.booleans(),
        server_clock=st.sampled_from(["scheduler", "service"]),
    ),
    max_size=15,
)


@settings(max_examples=25, deadline=None)
@given(RECORDS, RECORDS)
def test_merging_workers_loses_nothing(left, right):
    """Two workers' tallies, sent to a master and merged, are the tally of one process that did it all."""
    both = summarize_run(across_processes(run_of(*left), run_of(*right)))
    together = summarize(tally_of(*left, *right))
    assert both.counts == together.counts
    assert both.elapsed_s == pytest.approx(together.elapsed_s)
    assert Counter(both.reasons) == Counter(together.reasons)
    assert both.bytes_received == together.bytes_received
    assert (both.actions, both.clocks, both.not_measurable) == (
        together.actions,
        together.clocks,
        together.not_measurable,
    )
    for name, histogram in together.costs.items():
        assert list(both.costs[name].buckets()) == list(histogram.buckets())
    for name, histogram in together.latencies_ms.items():
        assert list(both.latencies_ms[name].buckets()) == list(histogram.buckets())
        assert both.latencies_ms[name].percentile(99) == histogram.percentile(99)


def test_what_bad_clients_got_is_counted_apart():
    """Requests beside the operations change no count of theirs; wrong answers are counted and named, by all workers."""
    run, other = run_of(record()), RunTally()
    run.of("BadClients").asked("bad start", None)
    for one in (run, other):
        one.of("BadClients").asked("bad start", "HTTP 202 instead of 400")
    summary = summarize_run(across_processes(run, other))
    assert summary.scenarios["BadClients"].unexpected_answers == 2
    assert summary.counts == summarize(tally_of(record())).counts
    assert summary.unexpected_answers == 2
    assert [(reason.state, reason.reason, reason.count) for reason in summary.reasons] == [
        ("unexpected answer", "bad start: HTTP 202 instead of 400", 2)
    ]
    assert "1 of 3 requests beside the operations got the answer they should" in summary.notes


def test_a_termination_that_was_wanted_is_no_completion():
    """An operation that the scenario ended is neither an error nor in the latencies of completion."""
    summary = summarize(tally_of(record(), record(OperationState.TERMINATED)))
    assert (summary.counts.errors, summary.counts.terminated) == (0, 1)
    assert summary.latencies_ms["completion_ms"].count == 1


@pytest.mark.parametrize(
    ("created", "coarse", "expected"), [(1_000_100.5, False, [1500]), (1_000_100.0, False, []), (1_000_100.5, True, [])]
)
def test_server_completion_needs_fractions_of_a_second(created, coarse, expected):
    """Created to finished is a latency where the server reports both finely; whole seconds are no figure."""
    tally = Tally()
    ended = record(server_created_epoch_s=created, server_updated_epoch_s=1_000_102.0, server_update_is_coarse=coarse)
    tally.started(ended)
    tally.ended(ended)
    values = [value for value, _ in tally.latencies_ms["server_completion_ms"].buckets()]
    assert values == pytest.approx(expected, rel=0.001)


def test_what_timed_out_had_not_finished_sooner():
    """An operation that timed out is in finish with the time it had lasted, unless it is unknown when others ended."""
    late = record(seen=None, ended=160.0, state=OperationState.TIMED_OUT)
    known = record(server_running_epoch_s=1_000_100.5, server_updated_epoch_s=1_000_101.5)
    both = summarize(Tally.from_wire(tally_of(known, late).to_wire())).latencies_ms["finish_ms"]
    assert (both.count, both.max) == (2, pytest.approx(60_000, abs=0.01))
    assert summarize(tally_of(late)).latencies_ms["finish_ms"].count == 0


def test_throughput_is_over_the_whole_measured_part():
    """Three operations at 1/s after a warm-up of 3 s have a throughput of 1/s; the scenario's part counts alike."""
    warm, measured = OperationPhase.WARM_UP, OperationPhase.MEASURED
    at = [
        record(
            intended=sent, sent=sent, accepted=sent, seen=sent + 0.3, ended=sent + 0.3, phase=phase, scenario="Steady"
        )
        for sent, phase in ((100.0, warm), (103.1, measured), (104.1, measured), (105.1, measured))
    ]
    summary = summarize_run(run_of(*at), warm_up_s=3.0, load_until_epoch_s=1_000_106.0)
    assert (summary.elapsed_s, summary.throughput_per_s) == (pytest.approx(3.0), pytest.approx(1.0))
    assert summary.scenarios["Steady"].throughput_per_s == pytest.approx(1.0)
    drained = summarize_run(run_of(*at), warm_up_s=3.0, load_until_epoch_s=1_000_104.5)
    assert drained.elapsed_s == pytest.approx(2.4)


def test_a_run_without_operations_took_no_time():
    """Where nothing was measured there is no throughput either."""
    assert summarize(Tally(), load_until_epoch_s=1_000_106.0).throughput_per_s is None
