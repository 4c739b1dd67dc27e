"""Details of comparisons that readers rely on: names of figures, limits met exactly, advice, what is missing."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from durable_harness.errors import ConfigurationError, InvalidRunError, UsageError
from durable_harness.gate.comparison import (
    ConfidenceInterval,
    Decision,
    Design,
    Figure,
    OperationTable,
    PairedComparison,
    Question,
    all_answered,
    compare_runs,
    judge_errors,
    read_figure,
    read_run,
)
from durable_harness.gate.comparison.blocks import autocorrelation_time, merge_until_independent
from durable_harness.gate.comparison.comparison_results import FigureResult, interval_text, percent_text
from durable_harness.gate.comparison.pairs import plan_looks
from durable_harness.gate.comparison.ranks import fewest_blocks, fewest_pairs, rank_sum_interval, signed_rank_interval
from durable_harness.gate.comparison.resolution import PollMoments, percent_size, polls_advice
from made_up import polled

COMPLETION = Figure("completion_ms", 95.0)


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("finish_ms", Figure("finish_ms", 95.0)),
        ("finish_ms p50", Figure("finish_ms", 50.0)),
        (" finish_ms.p99.9 ", Figure("finish_ms", 99.9)),
        ("finish_ms:max", Figure("finish_ms", 100.0)),
        ("finish_ms : p0.5", Figure("finish_ms", 0.5)),
        ("finish_ms p100", Figure("finish_ms", 100.0)),
        ("polls p50", Figure("polls", 50.0)),
        ("actions_per_operation", Figure("actions_per_operation")),
        ("actions_per_operation mean", Figure("actions_per_operation")),
    ],
)
def test_a_figure_is_read_as_it_is_written(text, figure):
    """A space, a dot or a colon stands between metric and statistic; p95, or the mean of a count, is the default."""
    assert read_figure(text) == figure


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "finish",
            "'finish' is not a metric to compare. Did you mean finish_ms? Expected one of finish_ms, completion_ms, ",
        ),
        ("zebra p95", "'zebra' is not a metric to compare. Expected one of finish_ms, "),
        ("finish_ms p0", "'p0' is not a percentile. Expected p1 … p100 such as p50, p95 or p99.9, max."),
        ("finish_ms p101", "'p101' is not a percentile. "),
        ("finish_ms 95", "'95' is not a percentile. "),
        (
            "actions_per_operation p95",
            "'actions_per_operation p95': a count has no percentile to compare. Write 'actions_per_operation'.",
        ),
    ],
)
def test_a_figure_that_cannot_be_read_is_named(text, message):
    """The message has what came, a near name if there is one, and what is expected."""
    with pytest.raises(UsageError) as error:
        read_figure(text)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("ratio", "text"), [(1.048, "+4.8 %"), (1.0, "+0.0 %"), (0.99999, "+0.0 %"), (0.9, "-10.0 %"), (2.5, "+150.0 %")]
)
def test_a_ratio_is_written_as_a_change(ratio, text):
    """A change has a sign and one decimal; none at all has a plus, however it was rounded."""
    assert percent_text(ratio) == text


@pytest.mark.parametrize(("ratio", "text"), [(0.1, "10 %"), (0.0314, "3.1 %"), (0.00552, "0.55 %"), (12.5, "1,250 %")])
def test_a_size_has_two_digits(ratio, text):
    """Small changes have two significant digits, those of 10 % and more none behind the dot."""
    assert percent_size(ratio) == text


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (1.02, 1.041, "+2.0 % to +4.1 %"),
        (0.0, 1.041, "any to +4.1 %"),
        (1.02, math.inf, "+2.0 % to any"),
        (0.0, math.inf, "too few data"),
    ],
)
def test_an_interval_is_written_with_its_bounds(lower, upper, text):
    """A bound that is not known is any change; without both there are too few data."""
    bounds = [math.log(ratio) if ratio else -math.inf for ratio in (1.03, lower, upper)]
    result = FigureResult(COMPLETION, Design(), 1.0, ConfidenceInterval(*bounds), Decision.CANNOT_TELL, "")
    assert interval_text(result) == text


@pytest.mark.parametrize(
    ("errors", "failures", "invalid"),
    [
        ((0.01, 0.01), (), ()),
        ((0.0, 0.05), ("5.0% of the head's operations did not complete, at most 1.0% may (--max-error-ratio)",), ()),
        ((0.05, 0.5), (), ("5.0% of the base's operations did not complete, at most 1.0% may (--max-error-ratio)",)),
    ],
)
def test_errors_up_to_the_limit_are_allowed(errors, failures, invalid):
    """Just as many as may not complete are no reason; a base beyond it makes the comparison invalid, a head fails."""
    assert judge_errors(errors, 0.01) == (failures, invalid)


def test_ties_make_a_bound_wrong_no_more_often_than_stated():
    """Over all signs of magnitudes with ties and zeros, and all deals of tied values, bounds hold their error."""
    for magnitudes in ([0, 0, 1, 1, 2, 2, 3, 4], [1, 1, 1, 1, 1, 1, 1, 1]):
        signs = itertools.product((-1, 1), repeat=8)
        lower = [signed_rank_interval(np.array(s) * np.array(magnitudes, float), 0.05, 0.05).lower for s in signs]
        assert sum(bound > 0 for bound in lower) <= 0.05 * 256
    values = np.array([1, 1, 2, 2, 2, 3, 3, 4], dtype=float)
    deals = [(list(ones), [at for at in range(8) if at not in ones]) for ones in itertools.combinations(range(8), 4)]
    above = [rank_sum_interval(values[base], values[head], 0.05, 0.05).lower > 0 for base, head in deals]
    assert sum(above) <= 0.05 * 70


def test_the_fewest_that_can_give_a_bound_are_exact():
    """Eight signs agree by chance in 1 of 256, four blocks lie above four others in 1 of 70, and less takes more."""
    assert [fewest_pairs(error) for error in (1 / 256, 1 / 257, 0.5)] == [8, 9, 1]
    assert [fewest_blocks(error) for error in (1 / 70, 1 / 71, 1 / 6, 0.9)] == [4, 5, 2, 2]


def test_neighbours_are_averaged_in_pairs_of_two():
    """A drift of 17 values becomes the means of neighbours; the last has none and goes; four stay as they are."""
    assert list(merge_until_independent(np.arange(17.0))) == [0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5, 14.5]
    assert list(merge_until_independent(np.arange(4.0))) == [0, 1, 2, 3]


def test_two_values_have_an_autocorrelation_time():
    """Two values that differ correlate by -1/2: neither is worth more than one, and none less."""
    assert autocorrelation_time(np.array([0.0, 1.0])) == 1


@pytest.mark.parametrize("kind", ["drift", "noise", "steps"])
def test_the_autocorrelation_time_is_what_its_formula_gives(kind):
    """1 + 2 sum(rho) up to the first lag that is five times as long, each rho summed over the series as it is."""
    series = {
        "drift": np.arange(24.0),
        "noise": np.random.default_rng(4).standard_normal(300),
        "steps": np.repeat([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0], 9),
    }[kind]
    centred = series - series.mean()
    rho = [float(centred[lag:] @ centred[: len(centred) - lag] / (centred @ centred)) for lag in range(len(series))]
    times = [1 + 2 * sum(rho[1 : lag + 1]) for lag in range(len(series))]
    window = next(lag for lag, tau in enumerate(times) if lag >= 5 * tau)
    assert autocorrelation_time(series) == pytest.approx(max(1.0, times[window]))


def test_how_late_starts_were_is_a_metric_of_the_table():
    """The slip is no figure to compare, but shows whether the generator kept up."""
    table = OperationTable.from_rows([{"intended_s": 1.0, "sent_s": 1.25}, {"intended_s": 2.0}])
    assert list(table.values("slip_ms")) == [250.0]
    assert (len(table), table.span_s, table.error_ratio, table.has_ends) == (2, 1.0, 1.0, False)


def test_looks_grow_by_two_fifths():
    """From the first look that can answer on, each has 1.4 times the pairs of the one before; the last is the most."""
    assert plan_looks(Design(), 40) == (11, 15, 21, 29, 40)
    assert plan_looks(Design(), 9) == (9,)
    assert plan_looks(Design(), 5) == (9,)


def test_a_change_must_be_larger_than_what_polls_hide():
    """With a resolution coarser than the effect nothing is "not slower", and "slower" is what lies above it."""
    design = Design(effect=0.05)
    hidden = math.log1p(0.2)
    assert design.decide(ConfidenceInterval(0.0, -0.01, 0.01), 0.2) is Decision.CANNOT_TELL
    assert design.decide(ConfidenceInterval(0.3, hidden + 0.001, 0.4), 0.2) is Decision.SLOWER
    assert design.decide(ConfidenceInterval(0.2, hidden - 0.001, 0.4), 0.2) is Decision.CANNOT_TELL
    assert design.decide(ConfidenceInterval(0.0, -0.01, 0.01), 0.05) is Decision.NOT_SLOWER


def test_a_comparison_continues_until_all_figures_have_answers():
    """A slower figure is an answer to all; one that is only shown is not waited for."""
    slower, not_slower, unsure = (
        FigureResult(COMPLETION, Design(), 1.0, ConfidenceInterval(0.0, -1.0, 1.0), answer, "")
        for answer in (Decision.SLOWER, Decision.NOT_SLOWER, Decision.CANNOT_TELL)
    )
    assert all_answered([slower, unsure])
    assert all_answered([not_slower, replace(unsure, is_judged=False)])
    assert not all_answered([not_slower, unsure])


def test_errors_are_shared_among_tests():
    """Each of four tests gets a quarter of both errors, for the same effect."""
    assert Design(0.1, 0.02, 0.04).bonferroni(4) == Design(0.1, 0.005, 0.01)


def ended(waits_s):
    """Return completed operations, one a second, that took these seconds."""
    return OperationTable.from_rows(
        {"intended_s": at, "sent_s": at, "state": "completed", "seen_s": at + wait_s}
        for at, wait_s in enumerate(waits_s)
    )


def run(**others):
    return polled(np.linspace(100, 300, 3000), 50.0, np.linspace(0.01, 1, 3000), **others)


UNKNOWN = np.full(3000, np.nan)


@pytest.mark.parametrize(
    ("figure", "lacking", "words"),
    [
        (
            "start_ms",
            ("accepted_s",),
            "start_ms p95: the head has no operation with this figure: no start was answered",
        ),
        ("polls", ("seen_s", "polls"), "no operation was seen to end. It has: finish_ms, start_ms, "),
        ("execution_ms", ("seen_s", "server_running_s"), "no operation was seen to end"),
        ("payload_bytes_per_operation", ("payload_bytes",), "only a host of durable-harness counts them"),
    ],
)
def test_a_side_without_a_figure_has_the_reason(figure, lacking, words):
    """What a run does not have is named with the side, the reason and what it has."""
    head = run(**dict.fromkeys(lacking, UNKNOWN))
    comparison = compare_runs(run(), head, Question(((Figure(figure, 95.0), Design()),)))
    assert words in comparison.invalid[-1]


def test_a_side_with_nothing_has_nothing():
    """A run in which no start was answered has no figure at all, and the reason says so."""
    names = ("accepted_s", "seen_s", "polls", "server_created_s", "server_running_s", "server_updated_s")
    nothing = run(is_counted=False, **dict.fromkeys(names, UNKNOWN))
    comparison = compare_runs(run(), nothing, Question(((Figure("start_ms", 95.0), Design()),), max_error_ratio=1))
    reason = "start_ms p95: the head has no operation with this figure: no start was answered. It has: nothing"
    assert comparison.invalid == (reason,)


def test_runs_note_the_settings_that_only_one_has():
    """A setting that one run lacks is a difference too."""
    base, head = run(), run()
    base.settings, head.settings = {"rate": "20/s", "users": "5"}, {"rate": "20/s", "work": "1 s"}
    notes = compare_runs(base, head, Question()).notes
    assert notes[:2] == (
        "the runs differ in users: 5 and not set",
        "the runs differ in work: not set and 1 s",
    )


def test_invalid_runs_are_named():
    """A side that is no valid run is named as the caller names it, with its reason; the runs' notes follow once."""
    base, head = run(), run()
    base.invalid, head.notes = ("too few connections",), ("a note", "a note")
    comparison = compare_runs(base, head, Question(), ("v1", "v2"))
    assert comparison.invalid == ("v1 is an invalid run: too few connections",)
    assert (comparison.base, comparison.head, comparison.notes.count("a note")) == ("v1", "v2", 1)
    assert comparison.method.startswith("Wilcoxon rank-sum test with the Hodges-Lehmann shift")
    assert comparison.elapsed_s == pytest.approx(299.9)


def test_too_short_runs_report_how_long_is_enough():
    """With fewer blocks than an interval needs there is no bound; the advice names operations and seconds."""
    short = ended([0.5 + at % 7 / 100 for at in range(100)])
    comparison = compare_runs(short, short, Question(((COMPLETION, Design()),)))
    (result,) = comparison.results
    assert (result.has_interval, result.answer, result.sample) == (
        False,
        Decision.CANNOT_TELL,
        "1 and 1 blocks of 80 operations",
    )
    assert result.advice == (
        "Run about 4.8 times as long: 480 operations, 475 s a side. That many give an interval; an answer may take more"
    )
    assert result.interval.estimate == 0


def test_without_an_interval_the_estimate_is_that_of_the_whole():
    """A run that is too short for blocks is still estimated, for statistics over many comparisons."""
    sides = [ended([wait_s] * 20) for wait_s in (0.5, 0.6)]
    (result,) = compare_runs(*sides, Question(((COMPLETION, Design()),))).results
    assert result.estimate == pytest.approx(1.2)


def test_a_figure_that_is_0_has_no_ratio():
    """A latency of nothing cannot be divided by, in runs and in slices."""
    broken = ended([0.0, 0.5] * 50)
    (reason,) = compare_runs(broken, broken, Question(((Figure("completion_ms", 20.0), Design()),))).invalid
    assert reason == "completion_ms p20: is not above 0 everywhere, so it has no ratio: compare another figure"
    pairs = PairedComparison(Figure("completion_ms", 20.0), Design(), most_pairs=9)
    with pytest.raises(InvalidRunError, match="p20: is not above 0 in a slice of the base, so it has no ratio"):
        pairs.add(broken, broken)
    fine = ended([0.0005])
    pairs.add(fine, fine)
    assert len(pairs) == 1
    with pytest.raises(InvalidRunError, match="in a slice of the head"):
        pairs.read(fine, broken)


def test_the_sample_of_pairs_reports_what_was_merged():
    """Pairs that drift are merged, and the report shows to how many; pairs that do not are not."""
    pairs = PairedComparison(Figure("start_ms", 95.0), Design(), most_pairs=16)
    for at in range(16):
        sides = [
            OperationTable.from_rows([{"intended_s": 0.0, "sent_s": 0.0, "accepted_s": wait_s}])
            for wait_s in (0.1, 0.1 * math.exp(at / 100))
        ]
        pairs.add(*sides)
    result = pairs.result()
    assert result.sample == "16 pairs of slices, merged to 8 because neighbours are alike"
    assert result.pairs == pytest.approx([math.exp(at / 100) for at in range(16)])
    assert result.base == pytest.approx(100.0)
    again = PairedComparison(Figure("start_ms", 95.0), Design(), most_pairs=4)
    again.add(*sides)
    assert again.result().sample == "1 pairs of slices"


def test_advice_names_the_interval_to_poll_at():
    """Polls that hide a change are to come as often as makes it visible, at a number that can be typed."""
    polls = PollMoments(np.full(20, 400.0), np.full(20, 500.0))
    advice = polls_advice(COMPLETION, 0.2, 0.05, polls, "take more pairs")
    assert advice == (
        "Polls come about every 100 ms and show no change below 20 % of this figure: "
        "poll at least every 20 ms (--poll-interval 0.02), or compare finish_ms, which has no polls in it"
    )
    whole = polls_advice(Figure("polls", 50.0), 0.125, 0.05, polls, "take more pairs")
    assert whole == "A percentile of whole numbers shows no change below 12 %: ask for a larger --effect"


def test_more_is_advised_where_polls_are_spread():
    """Polls that are spread evenly become finer with more operations, which the advice then asks for too."""
    seen = np.linspace(400, 500, 50)
    polls = PollMoments(seen - 100, seen)
    assert polls.are_spread(95.0)
    assert ", take more pairs, or compare" in polls_advice(COMPLETION, 0.2, 0.05, polls, "take more pairs")
    assert not PollMoments(np.empty(0), np.empty(0)).are_spread(95.0)


@pytest.mark.parametrize("name", ["absent", "absent/summary.json"])
def test_a_run_that_is_not_there_is_named(tmp_path, name):
    """The message has the path and what was looked for."""
    with pytest.raises(ConfigurationError, match=rf"{name}: there is no such report folder or summary file"):
        read_run(tmp_path / name)
