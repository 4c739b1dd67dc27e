"""Counts before statistics: exact after a few operations, never by chance, judged without an error rate."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_harness.gate.comparison import (
    Comparison,
    CountComparison,
    Decision,
    Design,
    Figure,
    Question,
    compare_runs,
)
from durable_harness.gate.comparison.comparison_reports import render_junit, render_text
from durable_harness.gate.comparison.counts import ENOUGH
from made_up import polled

ACTIONS = "actions_per_operation"


def counted(actions, **columns):
    """Return operations that dispatched this many actions."""
    actions = np.asarray(actions, dtype=float)
    return polled(np.full(len(actions), 205.0), 50.0, 1.0, actions=actions, **columns)


def count_of(base, head, *, paired=True, effect=None):
    """Return what is known of the actions of two sides."""
    counts = CountComparison({} if effect is None else {ACTIONS: effect})
    counts.add(counted(base), counted(head))
    return next(count for count in counts.results(paired=paired) if count.metric == ACTIONS)


def question(effect, *figures):
    """Return a question that judges actions."""
    return Question(figures, {ACTIONS: effect})


@pytest.mark.parametrize("paired", [True, False])
def test_five_operations_make_a_difference_exact(paired):
    """Two actions more in each of five operations are exact, in four of them not yet; the sentence says so."""
    few = count_of([7] * 4, [9] * 4, paired=paired, effect=0.0)
    assert (few.is_exact, few.varies, few.answer) == (False, False, Decision.CANNOT_TELL)
    assert few.sentence == f"{ACTIONS}: 7 → 9 on average of 4 operations; 5 are needed to be exact"
    found = count_of([7] * 5, [9] * 5, paired=paired, effect=0.0)
    assert (found.difference, found.answer) == (2, Decision.SLOWER)
    assert found.sentence == "head dispatches 2 actions more an operation: 7 → 9 (all 5 operations)"


@pytest.mark.parametrize(
    ("base", "head", "sentence"),
    [
        ([9] * 5, [8] * 5, "head dispatches 1 action fewer an operation: 9 → 8 (all 5 operations)"),
        ([7] * 5, [7] * 5, "actions_per_operation: 7, the same (all 5 operations)"),
        ([1200] * 5, [1201] * 5, "head dispatches 1 action more an operation: 1,200 → 1,201 (all 5 operations)"),
        ([3, 5, 3, 5, 5], [4, 6, 4, 6, 6], "head dispatches 1 action more an operation: 4.2 → 5.2 (all 5 operations)"),
        (
            [7, 7, 7, 7, 8],
            [7, 7, 7, 7, 7],
            (
                "actions_per_operation: 7.2 → 7 on average; it varies from 7 to 8 in the base and is always 7 in the "
                "head, so there is no exact difference"
            ),
        ),
        (
            [7, 7, 7, 7, 9],
            [9, 7, 7, 7, 7],
            (
                "actions_per_operation: 7.4 → 7.4 on average; it varies from 7 to 9 between operations, so there is no "
                "exact difference"
            ),
        ),
    ],
)
def test_a_count_is_one_sentence(base, head, sentence):
    """Each outcome is reported in one line, with both counts."""
    assert count_of(base, head).sentence == sentence


def test_counts_that_vary_by_arrival_are_exact_in_pairs():
    """Operations whose inputs differ, alike on both sides, have twins: the difference is exact; without twins not."""
    base = np.random.default_rng(1).integers(3, 30, 40)
    assert count_of(base, base + 2).difference == 2
    assert count_of(base, base).difference == 0
    assert not count_of(base, base + 2, paired=False).is_exact


def test_counts_that_vary_by_chance_are_never_a_difference():
    """Over 300 comparisons of equals no chance becomes a difference, once a warm-up's operations were counted."""
    for seed in range(300):
        rng = np.random.default_rng(seed)
        share = rng.uniform(0.05, 0.95)
        base, head = (np.where(rng.random(60) < share, 7, 9) for _ in range(2))
        for paired in (True, False):
            found = count_of(base, head, paired=paired, effect=0.0)
            assert not found.difference
            assert found.answer is not Decision.SLOWER


@pytest.mark.parametrize(
    ("head", "effect", "answer"),
    [
        ([7] * 5, 0.0, Decision.NOT_SLOWER),
        ([6] * 5, 0.0, Decision.NOT_SLOWER),
        ([8] * 5, 0.0, Decision.SLOWER),
        ([8] * 5, 0.15, Decision.NOT_SLOWER),
        ([8] * 5, 1 / 7, Decision.NOT_SLOWER),
        ([8] * 5, 0.14, Decision.SLOWER),
        ([7, 7, 7, 7, 8], 0.0, Decision.CANNOT_TELL),
        ([7, 7, 7, 7, 8], 0.1, None),
        ([np.nan] * 5, 0.1, Decision.CANNOT_TELL),
        ([8] * 5, None, None),
    ],
)
def test_a_count_answers_by_itself(head, effect, answer):
    """Any increase fails, an effect allows some; one that varies is left to its mean, a missing count is open."""
    assert count_of([7] * 5, head, effect=effect).answer is answer


def test_twins_that_were_not_counted_prove_nothing():
    """Only operations counted on both sides are twins: five of them are needed."""
    unknown = np.nan
    assert not count_of([7, 7, 7, 7, unknown, 7], [9, 9, 9, 9, 9, unknown]).varies
    assert count_of([7] * 5 + [unknown, 9], [9] * 5 + [7, unknown]).difference == 2


@given(
    base=st.lists(st.integers(0, 1000), min_size=1, max_size=30),
    more=st.lists(st.integers(-5, 5), min_size=30, max_size=30),
)
def test_a_difference_is_what_every_twin_shows(base, more):
    """It is exact if and only if there are five twins or more and all differ by the same, then by just that."""
    head = [count + step for count, step in zip(base, more, strict=False)]
    alike = len(base) >= ENOUGH and len(set(more[: len(base)])) == 1
    found = count_of(base, head)
    assert found.difference == (more[0] if alike else None)
    assert found.varies == (len(base) >= ENOUGH and not alike)


@given(
    base=st.lists(st.integers(0, 3), min_size=1, max_size=8), head=st.lists(st.integers(0, 3), min_size=1, max_size=8)
)
def test_without_twins_each_side_has_to_agree_with_itself(base, head):
    """A difference between runs is exact if each side has one count in all of at least five operations."""
    exact = min(len(base), len(head)) >= ENOUGH and len(set(base)) == len(set(head)) == 1
    assert count_of(base, head, paired=False).difference == (head[0] - base[0] if exact else None)


@given(
    slices=st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=6), min_size=1, max_size=6),
    more=st.integers(-5, 5),
)
def test_slices_are_one_sample(slices, more):
    """However operations are cut into slices, the result is that of all of them together."""
    counts = CountComparison()
    for part in slices:
        counts.add(counted(part), counted([count + more for count in part]))
    whole = [count for part in slices for count in part]
    assert counts.results()[0] == count_of(whole, [count + more for count in whole])


def test_a_count_of_two_runs_fails_them():
    """A judged count alone is the whole question: no latency is asked for, and the verdict names the count."""
    comparison = compare_runs(counted([7] * 50), counted([9] * 50), question(0.0))
    assert (comparison.results, comparison.answer, comparison.exit_code()) == ((), Decision.SLOWER, 1)
    assert (
        comparison.sentence
        == "head dispatches 2 actions more an operation: 7 → 9 (all 50 operations) (no increase is allowed)"
    )
    equal = compare_runs(counted([7] * 50), counted([7] * 50), question(0.2))
    assert (equal.answer, equal.exit_code()) == (Decision.NOT_SLOWER, 0)
    assert equal.sentence == "actions_per_operation: 7, the same (all 50 operations) (at most 20 % more is allowed)"


def test_a_count_that_varies_needs_an_effect():
    """Without one the verdict is open and says what to name; with one its mean is compared like any other figure."""
    rng = np.random.default_rng(4)
    base, head = (counted(rng.choice([7, 9], 3000)) for _ in range(2))
    unsure = compare_runs(base, head, question(0.0))
    assert unsure.answer is Decision.CANNOT_TELL
    assert unsure.sentence.endswith("Name the increase that matters (--effect) to compare its mean")
    mean = compare_runs(base, head, question(0.05))
    assert [(result.figure, result.answer) for result in mean.results] == [(Figure(ACTIONS), Decision.NOT_SLOWER)]
    assert mean.answer is Decision.NOT_SLOWER
    more = counted(rng.choice([8, 10], 3000))
    assert compare_runs(base, more, question(0.05)).answer is Decision.SLOWER


def test_a_missing_count_is_inconclusive():
    """A service that counts nothing leaves a judged count open, with the reason and no word on what is allowed."""
    unknown = counted([np.nan] * 50)
    comparison = compare_runs(unknown, unknown, question(0.0))
    assert comparison.exit_code() == 3
    assert comparison.sentence == f"{ACTIONS}: not known: only a host of durable-harness counts them"


def test_a_count_that_varies_later_is_left_open_everywhere():
    """If it began to vary once its mean could no longer be planned, text and JUnit say that it has no answer."""
    count = count_of([7, 7, 7, 7, 8], [7] * 5, effect=0.1)
    comparison = Comparison("base", "head", (), "a test", counts=(count,))
    assert comparison.answer is Decision.CANNOT_TELL
    assert comparison.sentence.endswith("make that longer (--warm-up) to compare its mean")
    suite = ET.fromstring(render_junit(comparison, cannot_tell=3))
    assert [(case.get("name"), [mark.tag for mark in case]) for case in suite] == [(ACTIONS, ["error"])]


def test_a_comparison_of_counts_alone_has_no_error_rate():
    """Figures that are only shown beside a judged count promise no rate of false alarms."""
    count = count_of([7] * 5, [7] * 5, effect=0.0)
    shown = compare_runs(counted([7] * 3000), counted([7] * 3000), Question()).results
    shown = tuple(replace(result, is_judged=False) for result in shown)
    comparison = Comparison("base", "head", shown, "a test", counts=(count,))
    text = render_text(comparison)
    assert (comparison.answer, "not judged" in text) == (Decision.NOT_SLOWER, True)
    assert "false alarms" not in text


def test_a_latency_and_a_count_are_judged_together():
    """The worst answer is the verdict: a count that rose fails a head whose latency passes."""
    wanted = (Figure("finish_ms", 95), Design())
    rng = np.random.default_rng(5)

    def side(actions):
        return polled(rng.uniform(200, 210, 3000), 50.0, 1.0, actions=np.full(3000, float(actions)))

    comparison = compare_runs(side(7), side(8), question(0.0, wanted))
    assert [result.answer for result in comparison.results] == [Decision.NOT_SLOWER]
    assert comparison.answer is Decision.SLOWER
    assert compare_runs(side(7), side(7), question(0.0, wanted)).answer is Decision.NOT_SLOWER
