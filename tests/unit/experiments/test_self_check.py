"""`ab --aa`: what is drawn from the recorded pairs, what the answers come to, and what it refuses."""

import contextlib
import json
import types
from pathlib import Path

import numpy as np
import pytest

from durable_harness.errors import INTERRUPTED, InvalidRunError, UsageError
from durable_harness.experiments import self_check
from durable_harness.experiments.paired_comparison import AbOptions
from durable_harness.experiments.revisions import Version
from durable_harness.experiments.self_check import (
    SelfCheck,
    Trials,
    check_self,
    drawn_answers,
    smallest_caught,
)
from durable_harness.experiments.self_check_report import render_text, write_json
from durable_harness.gate.comparison import Comparison, Decision, Design, Figure, FigureResult, Question
from durable_harness.gate.comparison.ranks import ConfidenceInterval
from durable_harness.stack import StackControl

NOISE = 0.02 * np.random.default_rng(1).standard_normal(60)
QUIET = NOISE / 100
PAIRS = 30


def drawn(change, noise=NOISE, comparisons=200):
    """Return the answers of comparisons that are drawn from noise."""
    return drawn_answers(noise, change, Design(), PAIRS, seed=0, comparisons=comparisons)


@pytest.mark.parametrize(("change", "answer"), [(0.0, Decision.NOT_SLOWER), (0.1, Decision.SLOWER)])
def test_drawn_comparisons_answer_as_real_ones(change, answer):
    """Drawn from pairs with 2 % of noise, equals are not slower and a change of 10 % is slower, nearly each time."""
    assert drawn(change)[answer] >= 195


def test_drawn_comparisons_stop_at_most_pairs():
    """Noise that no plan can bear leaves every comparison without an answer, and each is counted once."""
    assert drawn(0.0, NOISE * 50, 50) == {"slower": 0, "not slower": 0, "cannot tell": 50}


def test_a_machine_that_is_partial_is_no_alarm():
    """Which of two equals is the head is arbitrary: pairs that happen to lie above 0 are drawn with either sign."""
    assert drawn(0.0, abs(NOISE))[Decision.SLOWER] == 0


def test_the_smallest_change_follows_the_noise():
    """Without noise it is the effect, below which nothing matters; noise makes it larger, or hides all."""
    least = smallest_caught(QUIET, Design(), PAIRS, seed=0)
    assert least == pytest.approx(0.05, rel=0.01)
    assert least < smallest_caught(NOISE, Design(), PAIRS, seed=0) < 0.1
    assert smallest_caught(NOISE * 200, Design(), PAIRS, seed=0) is None


def trials(change=0.0, **answers):
    """Return comparisons with the given number of each answer."""
    counted = {answer.value: answers.get(answer.name.lower(), 0) for answer in Decision}
    return Trials(change, counted, reported=change, seconds=12.0, pairs=11.0)


def check(equal, delayed, smallest=0.034):
    """Return a self-check with these comparisons."""
    return SelfCheck("app", "finish_ms p95", 207.0, "ms", 0.05, equal, delayed, 2, smallest)


@pytest.mark.parametrize(
    ("equal", "delayed", "code"),
    [
        (trials(not_slower=5), trials(0.1, slower=5), 0),
        (trials(not_slower=4, slower=1), trials(0.1, slower=5), 1),
        (trials(not_slower=5), trials(0.1, slower=4, not_slower=1), 1),
        (trials(not_slower=4, cannot_tell=1), trials(0.1, slower=5), 3),
        (trials(not_slower=5), trials(0.1, slower=4, cannot_tell=1), 3),
        (trials(not_slower=4, cannot_tell=1), trials(0.1, slower=4, not_slower=1), 1),
    ],
)
def test_the_exit_code_shows_whether_all_answers_were_right(equal, delayed, code):
    """A wrong answer ends with 1, one that could not be had with 3, and all right ones with 0."""
    assert check(equal, delayed).exit_code == code


def test_the_report_shows_what_was_found(tmp_path):
    """Text and JSON have the false alarms, the injected change, the smallest visible one and the time of an answer."""
    found = check(trials(not_slower=1), trials(0.1, slower=1))
    text = render_text(found)
    assert "app against itself by finish_ms p95, 207 ms; 5 % matters" in text
    assert "1 comparison: 0 slower, 1 not slower, 0 cannot tell" in text
    assert "20.7 ms injected (+10.0 %)" in text
    assert "2 of 1,000 comparisons called slower" in text
    assert "+3.4 % in 95 of 100 comparisons drawn from all pairs" in text
    assert "12 s, 11 pairs; with the delay 12 s, 11 pairs" in text
    document = json.loads(write_json(found, tmp_path / "report").paths[0].read_text())
    assert (document["format"], document["drawn_alarms"], document["smallest_caught"]) == (1, 2, 0.034)
    assert document["delayed"]["answers"] == {"slower": 1, "not slower": 0, "cannot tell": 0}
    assert "none up to +100%" in render_text(check(trials(), trials(), None))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question(((Figure("polls", 95), Design()),)), "does not lengthen polls"),
        (Question(((Figure("queueing_ms", 50), Design()),)), "Expected one of finish_ms, completion_ms"),
        (Question((), {"actions_per_operation": 0.0}), "no count"),
        (Question(((Figure("finish_ms", 50), Design()), (Figure("finish_ms", 95), Design()))), "one latency"),
    ],
)
def test_what_no_delay_can_prove_is_refused(question, words):
    """A figure that the injected delay leaves as it is, a count, and two figures are refused before it is served."""
    with pytest.raises(UsageError, match=words):
        check_self(Version("none", Path("nowhere")), AbOptions(question=question), 1)


class FakeControl(StackControl):
    """A host's control that notes what it is asked."""

    def __init__(self):
        self.calls = []

    def call(self, action, **values):
        self.calls.append((action, values))
        return 7


@pytest.fixture
def checking(monkeypatch):
    """Return checking(*comparisons, count): a self-check of a host that is made up, whose comparisons end so."""
    sides = []

    def served(*_args, **_options):
        sides.append(types.SimpleNamespace(control=FakeControl()))
        return contextlib.nullcontext(sides[-1])

    def run(*ends, comparisons=1):
        left = list(ends)

        class Made:
            def __init__(self, _driver, _sides, options):
                seeds.append(options.seed)

            def run(self, _names):
                end = left.pop(0)
                if isinstance(end, KeyboardInterrupt):
                    raise end
                return end

            def judged_log_ratios(self):
                return QUIET

        monkeypatch.setattr(self_check, "embedded_stack", served)
        monkeypatch.setattr(self_check, "Driver", lambda _load: contextlib.nullcontext())
        monkeypatch.setattr(self_check, "Comparing", Made)
        question = Question(((Figure("finish_ms", 95), Design()),))
        options = AbOptions(question=question, most_pairs=PAIRS)
        return check_self(Version("none", Path("nowhere")), options, comparisons, lines.append)

    seeds, lines = [], []
    return types.SimpleNamespace(run=run, sides=sides, lines=lines, seeds=seeds)


def compared(answer=Decision.NOT_SLOWER, ratio=1.0, **changes):
    """Return a comparison with one judged figure."""
    interval = ConfidenceInterval(np.log(ratio), np.log(ratio), np.log(ratio))
    result = FigureResult(Figure("finish_ms", 95), Design(), 200.0, interval, answer, "30 pairs of slices")
    return Comparison("base", "head", **{"results": (result,), "method": "", **changes})


def test_a_delay_of_twice_the_effect_is_injected(checking):
    """The second half runs with a delay of 10 % of the figure at the second host, which ends with it."""
    found = checking.run(*[compared()] * 2, *[compared(Decision.SLOWER, 1.1)] * 2, comparisons=2)
    assert (found.equal.answers[Decision.NOT_SLOWER], found.delayed.answers[Decision.SLOWER]) == (2, 2)
    assert (found.exit_code, found.value, found.delayed.change) == (0, 200.0, pytest.approx(0.1))
    first, second = (side.control.calls for side in checking.sides)
    assert first == []
    assert [action for action, _ in second] == ["faults/inject", "faults/end"]
    assert second[0][1]["least_s"] == second[0][1]["most_s"] == pytest.approx(0.02)
    assert second[1][1] == {"number": 7}


def test_each_comparison_is_reported_and_has_its_seed(checking):
    """A line has its number, its answer and the injected change; no two comparisons draw the same arrivals."""
    checking.run(compared(), compared(Decision.SLOWER, 1.1))
    assert checking.lines == [
        "equal against equal, 1 of 1: not slower, +0.0 %",
        "20.0 ms injected, 1 of 1: slower, +10.0 % (+10.0 % injected)",
    ]
    assert len(set(checking.seeds)) == 2


def test_an_interrupted_check_reports_what_it_has(checking):
    """Comparisons made before the signal stay in the report, which ends with the code of an interruption."""
    found = checking.run(compared(), compared(interrupted="after 3 of 30 pairs"))
    assert found.interrupted
    assert (found.equal.count, found.delayed.count) == (1, 0)
    assert found.exit_code == INTERRUPTED
    assert "INTERRUPTED: not all comparisons were made" in render_text(found)
    assert "with the delay" not in render_text(found)


def test_an_interruption_before_any_answer_is_passed_on(checking):
    """Without one comparison nothing can be reported."""
    with pytest.raises(KeyboardInterrupt):
        checking.run(KeyboardInterrupt())


@pytest.mark.parametrize("changes", [{"invalid": ("too late",)}, {"failures": ("too late",)}, {"results": ()}])
def test_a_comparison_without_answer_ends_the_check(checking, changes):
    """A comparison that proves nothing is an error with its reasons."""
    with pytest.raises(InvalidRunError, match=r"nothing can be compared: .*note"):
        checking.run(compared(**changes, notes=("note",)))


def test_unsure_answers_get_advice():
    """The report counts the answers that are missing, with what would help."""
    text = render_text(check(trials(not_slower=1, cannot_tell=1), trials(0.1, slower=1)))
    assert "1 could not tell: take more pairs (--pairs)" in text
