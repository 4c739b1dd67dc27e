"""How `ab` goes from pair to pair: which figures, how many pairs, what is discarded, and what it reports."""

import re
import types

import pytest

from durable_harness.experiments.driver import Measured
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.experiments.paired_comparison import MOST_DISTURBED, AbOptions, Comparing
from durable_harness.gate import Histogram
from durable_harness.gate.comparison import Decision, Design, Figure, Question
from durable_harness.load.options.option_values import read_durations
from durable_harness.operations import OperationRecord, OperationState

ACTIONS = "actions_per_operation"
POLL_S = 0.05
EPOCH_S = 1000.0


class Side:
    """A system that runs: its work takes the time it is asked for, times a factor.

    After `works` operations none ends, and its host has ended with `exits` if that is given.
    """

    def __init__(  # noqa: PLR0913 - each is one way to be odd
        self, factor=1.0, *, actions=lambda number: 7, is_fine=True, error=None, works=None, exits=None
    ):
        self.base_url, self.function_key = self, None
        self.factor, self.actions, self.is_fine, self.error = factor, actions, is_fine, error
        self.works, self.exits = works, exits
        self.slices = []
        self._made = 0

    def exit_code(self):
        return self.exits if self.is_over else None

    @property
    def is_over(self):
        return self.works is not None and self._made >= self.works

    def record(self, arrival):
        """Return what a client that polls would have recorded."""
        self._made += 1
        intended = 100.0 + arrival.offset_s
        if self.works is not None and self._made > self.works:
            return self.no_end(intended)
        # The machine adds up to a millisecond, another one to each operation.
        ended = intended + arrival.duration_s * self.factor + (self._made * 7919 % 1000) / 1e6
        seen = intended + POLL_S * arrival.poll_phase
        while seen < ended:
            seen += POLL_S
        made = OperationRecord(token="t", intended=intended, epoch_offset_s=EPOCH_S)
        made.sent = made.accepted = intended
        made.last_pending, made.seen, made.ended = max(intended, seen - POLL_S), seen, seen
        made.server_updated_epoch_s = ended + EPOCH_S if self.is_fine else float(int(ended + EPOCH_S))
        made.server_update_is_coarse = not self.is_fine
        made.actions = {"activity": self.actions(self._made)} if self.is_fine else None
        made.polls, made.state = 1, OperationState.FAILED if self.error else OperationState.COMPLETED
        made.error = self.error
        return made

    def no_end(self, intended):
        made = OperationRecord(token="t", intended=intended, epoch_offset_s=EPOCH_S)
        made.sent, made.ended = intended, intended + 10.0
        made.state = OperationState.TIMED_OUT if self.exits is None else OperationState.UNREACHABLE
        made.error = "timed out" if self.exits is None else "connection refused"
        return made


class FakeDriver:
    """Measures sides without any clock.

    `slips_ms` are how late the generator was in the next slices; the host of an `unmeasured` slice was not there to be
    asked for its times.
    """

    def __init__(self, slips_ms=(), unmeasured=()):
        self._slips_ms = list(slips_ms)
        self._unmeasured = unmeasured
        self._number = 0

    def measure(self, side, _key, arrivals):
        slip_ms = Histogram()
        slip_ms.record(self._slips_ms.pop(0) if self._slips_ms else 0.1)
        side.slices.append([arrival.poll_phase for arrival in arrivals])
        records = [side.record(arrival) for arrival in arrivals]
        if self._number in self._unmeasured:
            for record in records:
                record.server_updated_epoch_s = None
        self._number += 1
        return Measured(records, slip_ms)


def compare(base, head, question=None, *, driver=None, **others):
    """Compare two sides; return the comparison."""
    load = OfferedLoad(durations=read_durations("0.2"), poll_interval_s=POLL_S)
    options = AbOptions(load=load, question=question or Question(), most_pairs=40, **others)
    return Comparing(driver or FakeDriver(), [base, head], options).run(("one", "two"))


@pytest.mark.parametrize(("factor", "answer"), [(1.0, Decision.NOT_SLOWER), (1.12, Decision.SLOWER)])
def test_it_stops_at_the_first_look_that_answers(factor, answer):
    """A quiet machine needs no more pairs than the first look, and both sides get equal slices."""
    base, head = Side(), Side(factor)
    comparison = compare(base, head)
    assert comparison.answer is answer
    first_look = int(comparison.notes[0].split()[3].rstrip(","))
    assert len(base.slices) == len(head.slices) == 1 + first_look
    assert base.slices == head.slices
    assert [result.figure.name for result in comparison.results] == ["finish_ms p95", "completion_ms p95"]


def test_an_unknown_finish_leaves_completion_to_be_judged():
    """If the host cannot be asked, what the client saw is judged, and a note gives the reason."""
    comparison = compare(Side(is_fine=False), Side(1.12, is_fine=False))
    assert [(result.figure.name, result.is_judged) for result in comparison.results] == [("completion_ms p95", True)]
    assert comparison.answer is Decision.SLOWER
    assert any(note.startswith("finish_ms is not known: ") for note in comparison.notes)
    assert not any(count.is_known for count in comparison.counts)


def test_disturbed_pairs_are_discarded_and_repeated():
    """A pair in which the generator was late is taken again; what its operations cost still counts."""
    slips_ms = [0.1, 0.1, 80.0, 0.1]  # two warm-ups, then a pair
    base = Side()
    comparison = compare(base, Side(), driver=FakeDriver(slips_ms))
    assert comparison.notes[-1].startswith("1 pair was discarded and repeated: ")
    assert comparison.counts[0].operations == sum(map(len, base.slices))
    assert comparison.answer is Decision.NOT_SLOWER


def test_a_slice_without_the_figure_is_repeated():
    """If one slice of a pair could not be measured, the pair is taken again, and a note gives the reason."""
    base, head = Side(), Side()
    comparison = compare(base, head, driver=FakeDriver(unmeasured={7}))
    assert "1 of the pairs discarded and repeated: finish_ms p95: the " in comparison.notes[-1]
    assert comparison.answer is Decision.NOT_SLOWER
    assert len(base.slices) == len(head.slices) == 1 + 1 + int(comparison.results[0].sample.split()[0])


def test_a_figure_that_is_lost_for_good_ends_it():
    """Slices that continue without the figure end the comparison with the reason."""
    comparison = compare(Side(), Side(), driver=FakeDriver(unmeasured=range(6, 100)))
    assert (comparison.verdict, comparison.exit_code(cannot_tell=0)) == ("invalid", 3)
    assert re.match(r"finish_ms p95: the (base|head) has no operation with this figure", comparison.sentence)
    assert comparison.results  # what the pairs before had


@pytest.mark.parametrize("exits", [None, 1, -9])
@pytest.mark.parametrize("works", [20, 60, 150, 200])
def test_a_head_that_stops_to_work_fails(works, exits):
    """A head that hangs or dies fails, whenever that is, with the pairs so far; a host that died is named."""
    comparison = compare(Side(), Side(works=works, exits=exits))
    assert (comparison.verdict, comparison.exit_code()) == ("slower", 1)
    assert "the service" not in " ".join([comparison.sentence, *comparison.notes])
    died = {None: "operations did not complete", 1: "it ended with exit code 1", -9: "it was killed by SIGKILL"}
    assert died[exits] in comparison.sentence


def test_a_head_that_stops_late_fails_despite_few_failures():
    """Slices in a row without one completed operation fail the head, however few they are of all."""
    comparison = compare(Side(), Side(works=130), Question(max_error_ratio=0.5))
    assert comparison.exit_code() == 1
    assert "no operation of the head completed in its last 4 slices" in comparison.sentence


@pytest.mark.parametrize("exits", [None, 1])
def test_a_base_that_stops_to_work_is_no_base(exits):
    """What base and head break proves nothing about the head."""
    comparison = compare(Side(works=150, exits=exits), Side(works=150, exits=exits))
    assert (comparison.verdict, comparison.exit_code()) == ("invalid", 3)
    assert ("the base's host died" in comparison.sentence) is bool(exits)


def test_a_generator_that_is_always_late_proves_nothing():
    """After ten discarded pairs more than were kept the comparison is invalid."""
    base = Side()
    comparison = compare(base, Side(), driver=FakeDriver([80.0] * 100))
    assert comparison.verdict == "invalid"
    assert len(base.slices) == 1 + MOST_DISTURBED + 1
    assert "lower --rate" in comparison.sentence


@pytest.mark.parametrize(("base", "head", "verdict"), [(None, "boom", "slower"), ("boom", None, "invalid")])
def test_a_side_that_breaks_ends_it_at_once(base, head, verdict):
    """After one pair nothing is left to compare; a broken base is no base; the reason is reported with its count."""
    sides = [Side(error=base), Side(error=head)]
    comparison = compare(*sides)
    assert (comparison.verdict, comparison.results) == (verdict, ())
    assert len(sides[0].slices) == 2
    name = "base" if base else "head"
    assert any(note.endswith(f"operations of the {name}: boom") for note in comparison.notes)
    ((side, reason),) = comparison.reasons
    assert (side, reason.state, reason.reason) == (name, "failed", "boom")


def test_counts_alone_are_decided_by_the_warm_up():
    """A judged count takes no pair if the warm-up had operations enough."""
    head = Side(actions=lambda number: 9)
    comparison = compare(Side(), head, Question((), {ACTIONS: 0.0}))
    assert (comparison.answer, comparison.results, len(head.slices)) == (Decision.SLOWER, (), 1)


def test_a_warm_up_that_breaks_fails_counts_alone():
    """Operations that fail dispatch less, which is no better: they are counted where no pair follows."""
    comparison = compare(Side(), Side(actions=lambda number: 1, error="boom"), Question((), {ACTIONS: 0.0}))
    assert comparison.verdict == "slower"
    assert "100.0% of the head's operations did not complete" in comparison.sentence


def test_counts_of_a_short_warm_up_take_pairs():
    """One operation in the warm-up is followed by pairs until five were counted."""
    head = Side(actions=lambda number: 9)
    options = {"warm_up_s": 0.01, "rate_per_s": 2.0}
    comparison = compare(Side(), head, Question((), {ACTIONS: 0.0}), **options)
    assert (comparison.answer, sum(map(len, head.slices))) == (Decision.SLOWER, 5)


def test_a_count_that_varies_is_compared_by_its_mean():
    """With an effect, the mean of a count that varies is judged beside the latency that was asked for."""
    question = Question(((Figure("finish_ms", 95), Design()),), {ACTIONS: 0.1})
    sides = [Side(actions=lambda number, step=step: 10 + number * step % 3) for step in (7, 5)]
    comparison = compare(*sides, question)
    judged = [result.figure.name for result in comparison.judged]
    assert judged == ["finish_ms p95", "actions_per_operation mean"]
    assert comparison.answer is Decision.NOT_SLOWER


def test_an_interruption_keeps_what_was_found():
    """After the first pair Ctrl-C ends with the pairs so far; before it there is nothing to report."""
    for slices, reported in ((8, "after 3 of at most"), (2, None)):
        driver = FakeDriver()
        measure, left = driver.measure, [slices]

        def interrupted(_self, *given, measure=measure, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return measure(*given)

        driver.measure = types.MethodType(interrupted, driver)
        if reported is None:
            with pytest.raises(KeyboardInterrupt):
                compare(Side(), Side(), driver=driver)
        else:
            comparison = compare(Side(), Side(), driver=driver)
            assert comparison.interrupted.startswith(reported)
            assert comparison.exit_code() == 130
