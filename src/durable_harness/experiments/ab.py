"""Base against head on one machine: both run, short slices of load in turn, pairs compared, stopped once it is sure."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from durable_harness.errors import UnreachableError
from durable_harness.experiments.driver import Driver
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.experiments.revisions import Version
from durable_harness.gate.comparison import Comparison, Design, Figure, Operations, PairedComparison, all_answered
from durable_harness.gate.comparison.pairs import METHOD
from durable_harness.gate.comparison.runs import MAX_ERROR_RATIO, judge_errors
from durable_harness.operations import OperationRecord, OperationState
from durable_harness.stack import RunningStack, embedded_stack

SLIP_LIMIT_MS = 50.0
"""A slice in which the generator came to an operation later than this after its intended start was disturbed: its pair
is thrown away, whatever it says, and another one taken."""
MOST_DISTURBED = 10
"""With more pairs thrown away than this, and than were kept, the comparison measures the generator."""


@dataclass(frozen=True, slots=True)
class AbOptions:
    """How base and head are compared. Times in seconds."""

    load: OfferedLoad = field(default_factory=OfferedLoad)
    wanted: tuple[tuple[Figure, Design], ...] = ()
    rate_per_s: float = 20.0
    slice_s: float = 2.0
    warm_up_s: float = 3.0
    most_pairs: int = 60
    max_error_ratio: float = MAX_ERROR_RATIO
    seed: int = 0
    serve_args: tuple[str, ...] = ()


def compare_versions(
    base: Version, head: Version, options: AbOptions, progress: Callable[[PairedComparison], None] = lambda _: None
) -> Comparison:
    """Serve both, compare them and stop them. Raises what keeps one from starting."""
    with contextlib.ExitStack() as stacks:
        sides = [stacks.enter_context(_serve(version, options)) for version in (base, head)]
        driver = stacks.enter_context(Driver(options.load))
        return _Comparing(driver, sides, options).run((base.label, head.label), progress)


def _serve(version: Version, options: AbOptions) -> contextlib.AbstractContextManager[RunningStack]:
    return embedded_stack(
        version.app_dir, serve_args=options.serve_args, environment=version.environment, python=version.python
    )


class _Comparing:
    def __init__(self, driver: Driver, sides: Sequence[RunningStack], options: AbOptions) -> None:
        self._driver, self._sides, self._options = driver, sides, options
        self._chance = random.Random(options.seed)  # noqa: S311 - no secret
        tests = len(options.wanted)
        self._figures = [
            PairedComparison(figure, design, options.most_pairs, tests) for figure, design in options.wanted
        ]
        self._ended, self._failed = [0, 0], [0, 0]
        self._disturbed = 0

    def run(self, names: tuple[str, str], progress: Callable[[PairedComparison], None]) -> Comparison:
        began = time.monotonic()
        self._warm_up()
        interrupted = ""
        try:
            self._take_pairs(progress)
        except KeyboardInterrupt:
            if not self._figures[-1].pairs:
                raise
            interrupted = f"after {len(self._figures[-1].pairs)} of at most {self._figures[0].looks[-1]} pairs"
        return replace(self._comparison(names, time.monotonic() - began), interrupted=interrupted)

    def _take_pairs(self, progress: Callable[[PairedComparison], None]) -> None:
        swapped, first = False, self._figures[0]
        while len(first.pairs) < first.looks[-1] and not (self._is_hopeless or self._is_broken):
            # Each two pairs are mirror images (ABBA), which of them comes first is drawn by lot.
            swapped = not swapped if len(first.pairs) % 2 else self._chance.random() < 0.5  # noqa: PLR2004 - a coin
            if not self._pair(swapped=swapped):
                continue
            progress(first)
            if first.is_look and all_answered([figure.result() for figure in self._figures]):
                break

    @property
    def _is_hopeless(self) -> bool:
        return self._disturbed > max(MOST_DISTURBED, len(self._figures[0].pairs))

    @property
    def _is_broken(self) -> bool:
        """Whether a side fails most of its operations: there is nothing to compare."""
        return any(2 * failed > ended for failed, ended in zip(self._failed, self._ended, strict=True))

    def _warm_up(self) -> None:
        options = self._options
        for side in self._sides:
            arrivals = options.load.arrivals(options.rate_per_s, options.warm_up_s, options.seed)
            records, _ = self._driver.measure(side.base_url, side.function_key, arrivals)
            if all(record.state is OperationState.UNREACHABLE for record in records):
                raise UnreachableError(f"{side.base_url} does not answer: {records[0].error}")

    def _pair(self, *, swapped: bool) -> bool:
        """Take a pair of slices; return whether it counts."""
        options = self._options
        index = len(self._figures[0].pairs) + self._disturbed
        # Both slices get the same arrivals and the same work: a difference of these is no difference of versions.
        arrivals = options.load.arrivals(options.rate_per_s, options.slice_s, options.seed + 1 + index)
        taken: dict[int, Operations] = {}
        slip_ms = 0.0
        for number in (1, 0) if swapped else (0, 1):
            side = self._sides[number]
            records, slips_ms = self._driver.measure(side.base_url, side.function_key, arrivals)
            slip_ms = max(slip_ms, slips_ms.max or 0.0)
            taken[number] = Operations.from_rows(row(record) for record in records)
            self._ended[number] += len(records)
            self._failed[number] += sum(record.state is not OperationState.COMPLETED for record in records)
        if slip_ms > SLIP_LIMIT_MS:
            self._disturbed += 1
            return False
        if self._is_broken:
            return False
        for figure in self._figures:
            figure.add(taken[0], taken[1])
        return True

    def _comparison(self, names: tuple[str, str], elapsed_s: float) -> Comparison:
        options = self._options
        errors = (self._failed[0] / self._ended[0], self._failed[1] / self._ended[1])
        failures, invalid = judge_errors(errors, options.max_error_ratio)
        return Comparison(
            *names,
            results=tuple(figure.result() for figure in self._figures if figure.pairs),
            method=METHOD,
            errors=errors,
            failures=failures,
            invalid=(*invalid, *self._generator_reasons()),
            notes=self._notes(),
            elapsed_s=elapsed_s,
            settings=self._settings(),
        )

    def _notes(self) -> tuple[str, ...]:
        planned = f"looks planned after {', '.join(map(str, self._figures[0].looks))} pairs"
        if not self._disturbed:
            return (planned,)
        thrown = f"{self._disturbed} pairs were thrown away and repeated: the generator was late in them"
        return (planned, f"{thrown}, by more than {SLIP_LIMIT_MS:g} ms")

    def _generator_reasons(self) -> list[str]:
        if not self._is_hopeless:
            return []
        kept = len(self._figures[0].pairs)
        late = f"the generator was late by more than {SLIP_LIMIT_MS:g} ms in {self._disturbed} pairs, {kept} were good"
        return [f"{late}: lower --rate, or give the machine more rest"]

    def _settings(self) -> Mapping[str, str]:
        options = self._options
        return {
            "rate": f"{options.rate_per_s:g} operations/s",
            "slice": f"{options.slice_s:g} s",
            "warm-up": f"{options.warm_up_s:g} s a side",
            "poll interval": f"{options.load.poll_interval_s:g} s",
        }


def row(record: OperationRecord) -> dict[str, Any]:
    """Return a record with the names of the columns of recorded runs."""

    def epoch_s(moment: float | None) -> float | None:
        return None if moment is None else record.epoch_s(moment)

    return {
        "intended_s": epoch_s(record.intended),
        "sent_s": epoch_s(record.sent),
        "accepted_s": epoch_s(record.accepted),
        "first_running_s": epoch_s(record.first_running),
        "seen_s": epoch_s(record.seen),
        "ended_s": epoch_s(record.ended),
        "server_created_s": record.server_created_epoch_s,
        "server_running_s": record.server_running_epoch_s,
        "server_updated_s": record.server_updated_epoch_s,
        "server_update_is_coarse": record.server_update_is_coarse,
        "polls": record.polls,
        "state": record.state.value,
        "workload": "open",
        "phase": "measured",
    }
