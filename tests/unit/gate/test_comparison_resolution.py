"""What polls hide: no answer is finer than the grid on which ends are seen, and the cases of real apps are answered."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from durable_harness.gate.comparison import Decision, Design, Figure, PairedComparison, Question, compare_runs
from durable_harness.gate.comparison.resolution import PollMoments, relative_gap
from made_up import polled, slices, works_ms

FINISH, COMPLETION, POLLS = Figure("finish_ms", 95), Figure("completion_ms", 95), Figure("polls", 95)
WORKS = ["constant", "two-valued", "even"]
STANDING, EVEN = 1.0, None
INTERVAL_MS = 50.0


def paired(figure, kind, change, *, phases, seed=1, pairs=60, interval_ms=INTERVAL_MS, design=None, **others):  # noqa: PLR0913 - what is made up
    """Return the result of a comparison of pairs, as soon as a look gives an answer."""
    rng = np.random.default_rng(seed)
    comparison = PairedComparison(figure, design or Design(), most_pairs=pairs)
    while len(comparison) < comparison.looks[-1]:
        comparison.add(*slices(rng, kind, change, interval_ms, phases=phases, **others))
        if comparison.is_look and comparison.result().answer is not Decision.CANNOT_TELL:
            break
    return comparison.result()


def unpaired(figure, kind, change, *, phases, seed=1, count=3000, interval_ms=INTERVAL_MS, **others):  # noqa: PLR0913 - what is made up
    """Return the result of a comparison of two recorded runs, which share neither arrivals nor work."""
    rng = np.random.default_rng(seed)
    sides = []
    for ratio in (1.0, 1 + change):
        drawn = 1 - rng.random(count) if phases is None else phases
        works = works_ms(kind, count, rng) * ratio
        sides.append(polled(works, interval_ms, drawn, noise=rng.exponential(0.3, count), **others))
    (result,) = compare_runs(*sides, Question(((figure, Design()),))).results
    return result


@pytest.mark.parametrize("kind", WORKS)
@pytest.mark.parametrize("compared", [paired, unpaired])
@pytest.mark.parametrize("change", [0.0, 0.03, 0.12])
def test_a_grid_that_stands_still_hides_what_is_finer(compared, kind, change):
    """With every poll at the same time after its start nothing finer than an interval is answered either way."""
    result = compared(COMPLETION, kind, change, phases=STANDING)
    assert result.answer is Decision.CANNOT_TELL
    assert result.resolution > result.design.effect
    assert result.visible >= result.resolution
    assert "Polls come about every 50 ms" in result.advice
    assert "--poll-interval" in result.advice
    assert "finish_ms" in result.advice


@pytest.mark.parametrize("kind", WORKS)
@pytest.mark.parametrize("compared", [paired, unpaired])
@pytest.mark.parametrize(("change", "answer"), [(0.0, Decision.NOT_SLOWER), (0.12, Decision.SLOWER)])
def test_phases_that_are_drawn_give_the_answer(compared, kind, change, answer):
    """The same work whose polls are spread evenly, on both sides alike, is answered rightly by what the client saw."""
    result = compared(COMPLETION, kind, change, phases=EVEN)
    assert (result.answer, result.advice) == (answer, "")
    assert result.resolution < result.design.effect


@pytest.mark.parametrize("compared", [paired, unpaired])
def test_polls_show_no_change_below_one(compared):
    """A percentile of whole numbers is rounded to them: five polls show nothing below 10 %."""
    result = compared(POLLS, "constant", 0.0, phases=STANDING)
    assert result.answer is Decision.CANNOT_TELL
    assert result.resolution == pytest.approx(1 / 10)
    assert "shows no change below 10 %: ask for a larger --effect" in result.advice


@pytest.mark.parametrize("compared", [paired, unpaired])
def test_polls_that_became_more_are_more(compared):
    """A poll more than before is a change of the figure itself, and larger than its rounding."""
    assert compared(POLLS, "constant", 0.3, phases=STANDING).answer is Decision.SLOWER


@pytest.mark.parametrize(("change", "answer"), [(0.0, Decision.NOT_SLOWER), (1.0, Decision.SLOWER)])
@pytest.mark.parametrize("phases", [STANDING, EVEN])
def test_polls_answer_for_an_effect_above_one(change, answer, phases):
    """An effect of more than one poll is answered."""
    assert paired(POLLS, "constant", change, phases=phases, design=Design(effect=0.4)).answer is answer


@pytest.mark.parametrize("interval_ms", [5.0, 50.0, 200.0, 1000.0])
@pytest.mark.parametrize("change", [0.12, 0.16, 0.30])
@pytest.mark.parametrize("phases", [STANDING, EVEN])
def test_longer_constant_work_is_slower_by_its_finish(interval_ms, change, phases):
    """The issue's cases are caught whatever the poll interval, and the reported change is the true one."""
    result = paired(FINISH, "constant", change, phases=phases, interval_ms=interval_ms)
    assert result.answer is Decision.SLOWER
    assert result.resolution == 0
    assert result.ratio - 1 == pytest.approx(change, abs=0.01)


@pytest.mark.parametrize("figure", [FINISH, COMPLETION])
def test_a_change_that_does_not_matter_is_not_called_slower(figure):
    """+3 % with an effect of 5 % is called slower with none of 50 seeds."""
    found = [paired(figure, "constant", 0.03, phases=EVEN, seed=seed, pairs=20).answer for seed in range(50)]
    assert Decision.SLOWER not in found


@pytest.mark.parametrize("compared", [paired, unpaired])
@pytest.mark.parametrize("figure", [FINISH, COMPLETION])
def test_the_printed_change_is_that_of_the_printed_figures(compared, figure):
    """Head over base is the ratio: whoever divides the two printed figures gets the printed change."""
    result = compared(figure, "constant", 0.12, phases=EVEN)
    assert result.head / result.base == pytest.approx(result.ratio)
    work_ms = 205.0
    assert result.head - result.base == pytest.approx(0.12 * work_ms, abs=0.02 * work_ms)


def test_runs_of_whole_seconds_are_judged_by_the_client():
    """Where the server reports whole seconds only, drawn phases make a change of 12 % visible."""
    assert unpaired(COMPLETION, "constant", 0.12, phases=EVEN, is_fine=False).answer is Decision.SLOWER


moments = arrays.arrays(float, st.integers(1, 60), elements=st.floats(0, 1e5))


@given(pending=moments, lengths=moments, percent=st.floats(1, 100))
def test_the_largest_gap_is_no_smaller_than_the_mean_one(pending, lengths, percent):
    """However polls lie, their largest gap is at least their mean distance, and neither is below zero."""
    size = min(len(pending), len(lengths))
    polls = PollMoments(pending[:size], pending[:size] + lengths[:size])
    gap_ms, spacing_ms = polls.gap_ms(percent), polls.spacing_ms(percent)
    assert gap_ms >= spacing_ms - 1e-6
    assert spacing_ms >= 0


def test_no_polls_have_no_gap():
    """Without an operation whose last polls are known there is no gap; one operation has its own interval."""
    unknown = PollMoments(np.array([np.nan]), np.array([5.0]))
    assert (unknown.gap_ms(95), unknown.spacing_ms(95), unknown.interval_ms) == (None, None, None)
    assert PollMoments(np.array([10.0]), np.array([40.0])).gap_ms(95) == pytest.approx(30)


def test_more_operations_make_a_spread_grid_finer():
    """The gap of polls that are spread shrinks with their number; that of a grid that stands still does not."""
    rng = np.random.default_rng(3)

    def gap_of(count, phases):
        run = polled(np.full(count, 205.0), INTERVAL_MS, phases)
        return relative_gap(COMPLETION, run.values("completion_ms"), PollMoments.of(run))

    assert gap_of(2000, 1 - rng.random(2000)) < gap_of(100, 1 - rng.random(100)) / 4
    assert gap_of(2000, STANDING) == gap_of(100, STANDING) > 0.15


@pytest.mark.parametrize(("interval_ms", "kind"), [(50.0, "constant"), (1000.0, "constant"), (1000.0, "even")])
def test_the_interval_that_is_advised_is_fine_enough(interval_ms, kind):
    """Whoever polls as often as the advice says gets an answer, and reads plain numbers."""
    advice = unpaired(COMPLETION, kind, 0.0, phases=STANDING, interval_ms=interval_ms).advice
    assert f"every {interval_ms:,.0f} ms" in advice
    assert "e+" not in advice
    advised_ms = 1000 * float(re.search(r"--poll-interval ([\d.]+)\)", advice)[1])
    assert unpaired(COMPLETION, kind, 0.0, phases=STANDING, interval_ms=advised_ms).answer is Decision.NOT_SLOWER


def test_more_pairs_are_advised_only_where_they_help():
    """Pairs do not make a standing grid finer, so the advice is never to take more; polls that are spread do."""
    standing = paired(COMPLETION, "constant", 0.0, phases=STANDING, pairs=12)
    assert standing.resolution > standing.design.effect
    assert "more pairs" not in standing.advice
    spread = paired(
        COMPLETION, "constant", 0.0, phases=EVEN, interval_ms=1000.0, pairs=12, count=2, design=Design(effect=0.01)
    )
    assert spread.resolution > spread.design.effect
    assert "more pairs" in spread.advice


def test_intervals_that_grow_are_those_near_the_figure():
    """Polls that come ever more seldom hide more of long operations than of the short ones that are most of a run."""
    grid_ms = np.cumsum(50.0 * 1.5 ** np.arange(10))
    ends_ms = np.where(np.arange(3000) % 10, 60.0, 900.0)
    at = np.searchsorted(grid_ms, ends_ms)
    polls = PollMoments(grid_ms[at - 1], grid_ms[at])
    slow = np.searchsorted(grid_ms, 900.0)
    assert polls.gap_ms(95) == pytest.approx(grid_ms[slow] - grid_ms[slow - 1])
    assert polls.gap_ms(50) == pytest.approx(grid_ms[1] - grid_ms[0])


def test_a_record_without_the_last_pending_answer_is_no_finer():
    """A run that was recorded before that moment was kept has the mean interval of its polls instead."""
    count = 3000
    unknown = np.full(count, np.nan)
    sides = [polled(np.full(count, work), INTERVAL_MS, STANDING, last_pending_s=unknown) for work in (205.0, 212.0)]
    (result,) = compare_runs(*sides, Question(((COMPLETION, Design()),))).results
    assert result.answer is Decision.CANNOT_TELL
    assert result.resolution == pytest.approx(50 / 252, rel=0.02)
