"""Base against head on one machine: both run, short slices of load in turn, pairs compared, stopped once it is sure."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from durable_harness.errors import HarnessError, InvalidRunError, UnreachableError
from durable_harness.experiments.blaming import mean_of
from durable_harness.experiments.driver import Driver
from durable_harness.experiments.ends import NAMES, Ends
from durable_harness.experiments.experiment_preflight import BeforeLoad, failed_first
from durable_harness.experiments.keeping import Keep, keep_nothing
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.experiments.revisions import Version
from durable_harness.gate.comparison import (
    DEFAULT_FIGURE,
    SEEN_FIGURE,
    Comparison,
    CountComparison,
    Decision,
    OperationTable,
    PairedComparison,
    Question,
    all_answered,
    default_figure,
)
from durable_harness.gate.comparison.counts import ENOUGH
from durable_harness.gate.comparison.pairs import METHOD
from durable_harness.gate.comparison.ranks import Values
from durable_harness.operations import OperationRecord, OperationState
from durable_harness.stack import RunningStack, embedded_stack
from durable_harness.stack.processes import DID_NOT_START

SLIP_LIMIT_MS = 50.0
"""A slice in which the generator came to an operation later than this after its intended start was disturbed: its pair
is discarded, even if it looks good, and another one is taken."""
MOST_LACKING = 3
"""Pairs that may be discarded because a slice of them has no value of a figure that others have."""
MOST_DISTURBED = 10
"""With more pairs discarded than this, and than were kept, the comparison measures the generator."""


@dataclass(frozen=True, slots=True)
class AbOptions:
    """How base and head are compared. Times in seconds."""

    load: OfferedLoad = field(default_factory=OfferedLoad)
    question: Question = field(default_factory=Question)
    rate_per_s: float = 30.0
    slice_s: float = 0.5
    warm_up_s: float = 2.0
    most_pairs: int = 120
    seed: int = 0
    serve_args: tuple[str, ...] = ()
    before: BeforeLoad = field(default_factory=BeforeLoad)
    keep: Keep = keep_nothing
    """Takes the records of each slice."""
    log_dir: Path | None = None
    """Where the logs of the two hosts go; None keeps them as long as these run."""


def compare_versions(
    base: Version, head: Version, options: AbOptions, progress: Callable[[PairedComparison], None] = lambda _: None
) -> Comparison:
    """Serve both, compare them and stop them. Raises the error that keeps one from starting."""
    with contextlib.ExitStack() as stacks:
        sides = [
            stacks.enter_context(_served(version, name, options)) for name, version in (("base", base), ("head", head))
        ]
        names = (base.label, head.label)
        options = replace(options, load=_prepared(sides[0], names[0], options))
        driver = stacks.enter_context(Driver(options.load))
        comparing = Comparing(driver, sides, options)
        try:
            options.before.check(options.load, sides[1])
        except HarnessError as error:
            # The base does what the head cannot: that is an answer, and no wrong option.
            return comparing.without_load(names, f"the head does not work: {failed_first(error)}")
        return comparing.with_split(comparing.run(names, progress))


def _prepared(side: RunningStack, label: str, options: AbOptions) -> OfferedLoad:
    """Return the load as the base takes it; the error of a base that does not work names it."""
    try:
        return options.before.prepare(options.load, side)
    except HarnessError as error:
        raise type(error)(f"the base, {label}: {error}") from error


@contextlib.contextmanager
def _served(version: Version, name: str, options: AbOptions) -> Iterator[RunningStack]:
    """Serve a revision; the error of one that does not start names it."""
    serving = embedded_stack(
        version.app_dir,
        log_path=None if options.log_dir is None else options.log_dir / f"{name}.log",
        serve_args=options.serve_args,
        environment=version.environment,
        python=version.python,
    )
    try:
        stack = serving.__enter__()
    except HarnessError as error:
        reason = str(error).removeprefix(DID_NOT_START).lstrip()
        raise type(error)(f"The {name}, {version.label}, does not start:\n{reason}") from error
    with contextlib.ExitStack() as exits:
        exits.push(serving)
        yield stack


class Comparing:
    """One comparison of two systems that run."""

    def __init__(self, driver: Driver, sides: Sequence[RunningStack], options: AbOptions) -> None:
        self._driver, self._sides, self._options = driver, sides, options
        self._chance = random.Random(options.seed)  # noqa: S311 - no secret
        self._counts = CountComparison(options.question.counts)
        self._figures: list[PairedComparison] = []
        self._ends = Ends(sides, options.question.max_error_ratio)
        self._taken = self._disturbed = 0
        self._lacking: Counter[str] = Counter()
        self._lost = ""
        self._default = DEFAULT_FIGURE
        self._records: tuple[list[OperationRecord], list[OperationRecord]] = ([], [])

    def run(self, names: tuple[str, str], progress: Callable[[PairedComparison], None] = lambda _: None) -> Comparison:
        """Take pairs of slices until every judged figure has its answer, or as many as are allowed."""
        began = time.monotonic()
        self._warm_up()
        interrupted = ""
        try:
            self._take_pairs(progress)
        except KeyboardInterrupt:
            if not self._taken:
                raise
            interrupted = f"after {self._taken} of at most {self._figures[0].looks[-1]} pairs"
        return replace(self._comparison(names, time.monotonic() - began), interrupted=interrupted)

    def with_split(self, comparison: Comparison) -> Comparison:
        """Return a comparison that head lost with who spent the time of both, asked of them while they run."""
        if comparison.answer is not Decision.SLOWER or self._ends.has_died or comparison.interrupted:
            return comparison
        base, head = (
            mean_of(self._driver, side.base_url, self._records[number]) for number, side in enumerate(self._sides)
        )
        return replace(comparison, split=None if base is None or head is None else (base, head))

    def without_load(self, names: tuple[str, str], failure: str) -> Comparison:
        """Return the answer about a head that broke before any load was made."""
        return replace(self._comparison(names, 0.0), failures=(failure,), errors=(0.0, 1.0))

    def _take_pairs(self, progress: Callable[[PairedComparison], None]) -> None:
        swapped = False
        while not self._is_over:
            # Each two pairs are mirror images (ABBA); which of them comes first is random.
            swapped = not swapped if self._taken % 2 else self._chance.random() < 0.5  # noqa: PLR2004 - a coin
            if self._pair(swapped=swapped):
                progress(self._figures[0])

    def judged_log_ratios(self) -> Values:
        """Return the log ratios of the pairs of the first judged figure."""
        return next(figure for figure in self._figures if figure.is_judged).log_ratios()

    @property
    def _is_over(self) -> bool:
        if self._is_hopeless or self._ends.is_broken or self._lost:
            return True
        judged = [figure for figure in self._figures if figure.is_judged]
        if self._taken >= self._figures[0].looks[-1]:
            return True
        if not judged:  # Counts need no pairs, only some operations.
            return all(count.operations >= ENOUGH for count in self._counts.results() if count.is_known)
        if not judged[0].is_look:
            return False
        return self._count_fails or all_answered([figure.result() for figure in judged])

    @property
    def _count_fails(self) -> bool:
        return any(count.answer is Decision.SLOWER for count in self._counts.results())

    @property
    def _is_hopeless(self) -> bool:
        return self._disturbed > max(MOST_DISTURBED, self._taken)

    def _warm_up(self) -> None:
        """Load both sides for a while; what these operations cost is counted, how long they took is not judged."""
        options = self._options
        arrivals = options.load.arrivals(options.rate_per_s, options.warm_up_s, options.seed)
        warmed: list[OperationTable] = []
        taken = []
        for side in self._sides:
            records, _ = self._driver.measure(side.base_url, side.function_key, arrivals)
            unreachable = all(record.state is OperationState.UNREACHABLE for record in records)
            if unreachable and side.exit_code() is None:
                raise UnreachableError(f"{side.base_url} does not answer: {records[0].error}")
            options.keep(f"{NAMES[len(warmed)]} (warm-up)", records)
            warmed.append(OperationTable.from_rows(row(record) for record in records))
            taken.append(records)
        self._counts.add(warmed[0], warmed[1])
        self._default = default_figure(warmed[0], warmed[1])
        self._figures = self._planned()
        if self._ends.has_died or not any(figure.is_judged for figure in self._figures):
            # The answer rests on these operations: a head that breaks them dispatches less, and is no better for it.
            for number, records in enumerate(taken):
                self._ends.add(number, records)

    def _planned(self) -> list[PairedComparison]:
        """Return the figures to follow: those that are judged, then what a client saw."""
        question, most = self._options.question, self._options.most_pairs
        varying = [count.metric for count in self._counts.results() if count.varies]
        wanted = (*question.judged(self._default), *question.means(varying))
        judged = [PairedComparison(figure, design, most, len(wanted)) for figure, design in wanted]
        if any(figure == SEEN_FIGURE for figure, _ in wanted):
            return judged
        return [*judged, PairedComparison(SEEN_FIGURE, question.design, most, is_judged=False)]

    def _pair(self, *, swapped: bool) -> bool:
        """Take a pair of slices; return whether it counts."""
        options = self._options
        # Both slices get the same arrivals, the same work and the same polls: what differs is the version.
        seed = options.seed + 1 + self._taken + self._disturbed + self._lacking.total()
        arrivals = options.load.arrivals(options.rate_per_s, options.slice_s, seed)
        taken: dict[int, OperationTable] = {}
        slip_ms = 0.0
        for number in (1, 0) if swapped else (0, 1):
            side = self._sides[number]
            records, slips_ms = self._driver.measure(side.base_url, side.function_key, arrivals)
            slip_ms = max(slip_ms, slips_ms.max or 0.0)
            taken[number] = OperationTable.from_rows(row(record) for record in records)
            self._ends.add(number, records)
            self._records[number].extend(records)
            options.keep(NAMES[number], records)
        self._counts.add(taken[0], taken[1])
        if self._ends.is_broken:
            return False
        if slip_ms > SLIP_LIMIT_MS:
            self._disturbed += 1
            return False
        try:
            for figure in self._figures:
                figure.read(taken[0], taken[1])
        except InvalidRunError as error:
            # The figure is there in general: the operations of this one slice failed, or could not be measured.
            self._lacking[str(error)] += 1
            if not self._taken or self._lacking.total() > MOST_LACKING:
                self._lost = str(error)
            return False
        for figure in self._figures:
            figure.add(taken[0], taken[1])
        self._taken += 1
        return True

    def _comparison(self, names: tuple[str, str], elapsed_s: float) -> Comparison:
        failures, invalid = self._ends.judged()
        lost = [self._lost] if self._lost and not failures and not invalid else []
        return Comparison(
            *names,
            results=tuple(figure.result() for figure in self._figures if len(figure)),
            method=METHOD,
            counts=self._counts.results(),
            errors=self._ends.error_ratios,
            reasons=self._ends.reasons(),
            failures=failures,
            invalid=(*invalid, *lost, *self._generator_reasons()),
            notes=self._notes(),
            elapsed_s=elapsed_s,
            settings=self._settings(),
        )

    def _notes(self) -> tuple[str, ...]:
        judged = [figure for figure in self._figures if figure.is_judged]
        notes = [f"looks planned after {', '.join(map(str, judged[0].looks))} pairs"] if judged and self._taken else []
        is_unasked = self._options.question.asks_for_default and self._default != DEFAULT_FIGURE
        if is_unasked and self._taken:
            reason = "the answer to a start has no instance ID to ask the host for"
            notes.append(f"{DEFAULT_FIGURE.metric} is not known: {reason}. {SEEN_FIGURE.metric} is judged")
        notes += self._ends.notes()
        if self._disturbed:
            late = f"the generator was late by more than {SLIP_LIMIT_MS:g} ms"
            pairs = "pair was" if self._disturbed == 1 else "pairs were"
            notes.append(f"{self._disturbed} {pairs} discarded and repeated: {late}")
        notes += [f"{count} of the pairs discarded and repeated: {reason}" for reason, count in self._lacking.items()]
        return tuple(notes)

    def _generator_reasons(self) -> list[str]:
        if not self._is_hopeless:
            return []
        late = f"the generator was late by more than {SLIP_LIMIT_MS:g} ms in {self._disturbed} pairs"
        return [f"{late}, {self._taken} were good: lower --rate, or give the machine more rest"]

    def _settings(self) -> Mapping[str, str]:
        options = self._options
        return {
            "rate": f"{options.rate_per_s:g} operations/s",
            "slice": f"{options.slice_s:g} s",
            "warm-up": f"{options.warm_up_s:g} s a side",
            "poll interval": f"{options.load.poll_interval_s:g} s",
        }


def row(record: OperationRecord) -> dict[str, object]:
    """Return a record with the names of the columns of recorded runs."""

    def epoch_s(moment: float | None) -> float | None:
        return None if moment is None else record.epoch_s(moment)

    return {
        "intended_s": epoch_s(record.intended),
        "sent_s": epoch_s(record.sent),
        "accepted_s": epoch_s(record.accepted),
        "first_running_s": epoch_s(record.first_running),
        "last_pending_s": epoch_s(record.last_pending),
        "seen_s": epoch_s(record.seen),
        "ended_s": epoch_s(record.ended),
        "server_created_s": record.server_created_epoch_s,
        "server_running_s": record.server_running_epoch_s,
        "server_updated_s": record.server_updated_epoch_s,
        "server_update_is_coarse": record.server_update_is_coarse,
        "server_clock": record.server_clock,
        "actions": None if record.actions is None else sum(record.actions.values()),
        "replayed_events": record.replayed_events,
        "payload_bytes": record.payload_bytes,
        "polls": record.polls,
        "state": record.state.value,
        "workload": "open",
        "phase": "measured",
    }
