"""The results of a run's operations, as the summary that gates judge and reports show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from durable_harness.gate import Histogram, OutcomeCounts, RunSummary
from durable_harness.gate.histogram import merged as merged_histograms
from durable_harness.gate.measurable import WHOLE_SECONDS, not_measurable
from durable_harness.gate.paths import PathsAt
from durable_harness.load.results.figure_clocks import clock_words
from durable_harness.load.results.run_tally import RunTally
from durable_harness.load.results.tally import Tally
from durable_harness.operations import OperationState


def summarize(
    tally: Tally,
    notes: Iterable[str] = (),
    invalid: Iterable[str] = (),
    *,
    load_until_epoch_s: float | None = None,
    warm_up_s: float = 0.0,
    **more: Any,
) -> RunSummary:
    """Sum the run up. Whatever has not ended by now is unaccounted: its process vanished.

    `load_until_epoch_s` is when the load ended, or now if it continues. `more` are fields of RunSummary that do not
    come from operations.
    """
    return RunSummary(
        **more,
        warm_up_s=warm_up_s,
        counts=_counts(tally),
        elapsed_s=_elapsed_s(tally, warm_up_s, load_until_epoch_s),
        latencies_ms={**tally.latencies_ms, "finish_ms": _finish_ms(tally)},
        polls_per_operation=tally.polls_per_operation,
        costs=tally.costs,
        actions=tally.actions,
        not_measurable=_not_measurable(tally),
        clocks=clock_words(tally.latencies_ms, tally.clocks),
        started_epoch_s=tally.first_sent_epoch_s,
        polls=tally.polls,
        failed_polls=tally.failed_polls,
        unexpected_answers=tally.unexpected_answers,
        bytes_received=tally.bytes_received,
        coarse_lags=tally.coarse_lags,
        reasons=tally.reasons.listed(),
        excluded=tally.excluded,
        split=tally.split,
        timeline=tally.timeline,
        notes=(*notes, *_notes(tally)),
        invalid=(*invalid, *_nothing_measured(tally)),
    )


def summarize_run(
    run: RunTally,
    notes: Iterable[str] = (),
    invalid: Iterable[str] = (),
    *,
    expected: Iterable[str] = (),
    paths: Mapping[str, tuple[PathsAt, ...]] | None = None,
    **more: Any,
) -> RunSummary:
    """Sum a run up, whole and by scenario; scenarios that were `expected` are there if they did nothing, too."""
    whole = summarize(run.whole(), notes, invalid, **more)
    tallies = {name: Tally() for name in expected} | run.scenarios
    scenarios = {name: _of_scenario(name, tallies[name], whole) for name in sorted(tallies)}
    with_paths = {name: replace(one, paths=(paths or {}).get(name, ())) for name, one in scenarios.items()}
    return replace(whole, scenarios=with_paths)


def _of_scenario(name: str, tally: Tally, whole: RunSummary) -> RunSummary:
    """Sum a scenario up; its throughput is its part of the run's, and so counts for the run's whole time."""
    audit = None if whole.audit is None else whole.audit.of_scenario(name)
    stuck = tuple(one for one in whole.stuck if one.scenario == name)
    traces = tuple(one for one in whole.traces if one.scenario == name)
    summary = summarize(
        tally, warm_up_s=whole.warm_up_s, audit=audit, no_audit=whole.no_audit, stuck=stuck, traces=traces
    )
    return replace(summary, elapsed_s=whole.elapsed_s)


def _finish_ms(tally: Tally) -> Histogram:
    """Return the finish of all operations, as a lower bound of those that timed out.

    If the service does not report when others ended, these alone would be no figure.
    """
    finish_ms = tally.latencies_ms["finish_ms"]
    return merged_histograms([finish_ms, tally.unfinished_ms]) if finish_ms.count else finish_ms


def _not_measurable(tally: Tally) -> dict[str, str]:
    if not tally.polls_per_operation.count:
        return {}
    counts = {name: histogram.count for name, histogram in (tally.latencies_ms | tally.costs).items()}
    return not_measurable(counts, whole_seconds=bool(tally.coarse_lags))


def _nothing_measured(tally: Tally) -> list[str]:
    if tally.started_count:
        return []
    if tally.excluded:
        return [f"no operation was measured: all fell into the {' or the '.join(tally.excluded)}"]
    return ["no operation was started"]


def _counts(tally: Tally) -> OutcomeCounts:
    return OutcomeCounts(
        started=tally.started_count,
        accepted=tally.accepted_count,
        unaccounted=tally.started_count - tally.ended_count,
        **{state.name.lower(): tally.ended_by_state[state] for state in OperationState if state.has_ended},
    )


def _elapsed_s(tally: Tally, warm_up_s: float, load_until_epoch_s: float | None) -> float:
    """Return how long the measured part took. From the first start to the last end alone would be less than it.

    Few operations would then have a throughput above their rate: three at 1/s that take 0.3 s end within 2.3 s.
    """
    begins = [tally.first_sent_epoch_s, _warm_until_epoch_s(tally, warm_up_s)]
    ends = [tally.last_ended_epoch_s, load_until_epoch_s]
    begin = min((moment for moment in begins if moment is not None), default=0.0)
    end = max((moment for moment in ends if moment is not None), default=0.0)
    return max(0.0, end - begin) if tally.started_count else 0.0


def _warm_until_epoch_s(tally: Tally, warm_up_s: float) -> float | None:
    first_s = tally.timeline.first_s
    return first_s + warm_up_s if warm_up_s and first_s is not None else None


def _notes(tally: Tally) -> list[str]:
    lag = tally.latencies_ms["detection_lag_ms"]
    notes = [f"{count:,} operations of the {phase} are in no figure" for phase, count in tally.excluded.items()]
    notes += tally.remarks
    notes += [f"near a limit: {warning}" for warning in tally.warnings]
    if tally.asked_count:
        right = tally.asked_count - tally.unexpected_answers
        notes.append(f"{right:,} of {tally.asked_count:,} requests beside the operations got the answer they should")
    if tally.failed_polls:
        notes.append(_describe_failed_polls(tally))
    if tally.coarse_lags and lag.count:
        notes.append(f"{tally.coarse_lags:,} operations have no detection lag: {WHOLE_SECONDS}")
    if lag.below_zero:
        notes.append(f"{lag.below_zero:,} detection lags are below zero: the clocks here and at the server differ")
    error_ms = tally.split.clock_error_ms
    if error_ms:
        way = "ahead of" if error_ms > 0 else "behind"
        notes.append(
            f"the server's clock is at least {abs(error_ms):,.1f} ms {way} the one here: "
            "queueing, finish and detection lag, which go from one clock to the other, are off by that"
        )
    notes += [
        f"{histogram.out_of_range:,} values of {name} were out of range and left out"
        for name, histogram in tally.latencies_ms.items()
        if histogram.out_of_range
    ]
    return notes


def _describe_failed_polls(tally: Tally) -> str:
    found = f"{tally.failed_polls:,} of {tally.polls:,} polls had no usable answer"
    if not tally.ending_polls:
        return f"{found} and were tried again"
    tried_again = tally.failed_polls - tally.ending_polls
    if not tried_again:
        return f"{found} and ended their operations"
    return f"{found}: {tried_again:,} were tried again, {tally.ending_polls:,} ended their operations"
