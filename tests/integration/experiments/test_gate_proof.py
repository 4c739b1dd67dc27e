"""A small part of the proof of the gate: comparisons made up by numbers, by the code that compares real ones."""

import sys
from pathlib import Path

import pytest

from durable_harness.gate.comparison import Decision

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from gate_simulation import WORKS, Setting, simulate

pytestmark = pytest.mark.thorough

ONE_ACTIVITY = [work for work in WORKS if work.shape == "one"]
SEEDS = range(4)


def answers(setting, change):
    """Return the answers of a few comparisons."""
    return [simulate(setting, change, seed).result.answer for seed in SEEDS]


@pytest.mark.parametrize("work", ONE_ACTIVITY, ids=lambda work: work.name)
def test_the_servers_clock_gives_right_answers(work):
    """With the server's times equal versions pass, 3 % is not called slower, 10 % and 30 % are caught each time."""
    setting = Setting(work, 0.05, has_fine_times=True)
    assert set(answers(setting, 0.0)) == {Decision.NOT_SLOWER}
    assert Decision.SLOWER not in answers(setting, 0.03)
    assert set(answers(setting, 0.1)) == set(answers(setting, 0.3)) == {Decision.SLOWER}


@pytest.mark.parametrize("interval_s", [0.05, 1.0])
@pytest.mark.parametrize("work", ONE_ACTIVITY, ids=lambda work: work.name)
def test_whole_seconds_never_give_a_wrong_answer(work, interval_s):
    """Where only polls show the end a slowdown of 10 % is never called not slower, and equals are never slower."""
    setting = Setting(work, interval_s, has_fine_times=False, slice_s=max(0.5, interval_s))
    assert Decision.SLOWER not in answers(setting, 0.0)
    assert Decision.NOT_SLOWER not in answers(setting, 0.1)


@pytest.mark.parametrize("work", [work for work in ONE_ACTIVITY if work.is_constant], ids=lambda work: work.name)
def test_a_finer_question_gets_its_answer_in_time(work):
    """A slowdown of 5 % is caught in two minutes where 2.5 % matters."""
    setting = Setting(work, 0.05, has_fine_times=True, effect=0.025, most_s=120.0, most_pairs=400)
    found = [simulate(setting, 0.05, seed) for seed in SEEDS]
    assert [one.result.answer for one in found].count(Decision.SLOWER) >= len(SEEDS) - 1
    assert max(one.took_s for one in found) <= 125
