"""Learn after a run where its operations spent their time, and which party spent it.

A durable-harness host answers with the moments of all work. Of any other service the durable webhooks' history is read,
and what is not in it is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from durable_harness.errors import ConfigurationError
from durable_harness.gate.gates import GateResult
from durable_harness.gate.paths import PERCENTILES, PathsAt
from durable_harness.gate.records import read_operations
from durable_harness.gate.stuck import StuckOperation
from durable_harness.gate.who.culprits import Known, culprit_of
from durable_harness.gate.who.time_shares import Attribution
from durable_harness.gate.who.verdicts import TAIL_PERCENT, Who
from durable_harness.load.audit.attributing import Explained, attributed, blames_of
from durable_harness.load.audit.critical_paths import is_here, paths_at
from durable_harness.load.audit.explaining import OperationToExplain, Service, all_read
from durable_harness.load.audit.operation_urls import OperationUrls
from durable_harness.load.audit.samples import Row, Samples
from durable_harness.load.audit.status_client import MOST_ANSWER_BYTES
from durable_harness.load.http import Asker
from durable_harness.why import Explanation, Part

MOST_NEAR = 9
"""Operations near each percentile of a scenario."""
MOST_OF_MEAN = 40
"""Operations that stand for the mean of all."""
MOST_OF_TAIL = 19
"""Operations near the percentile of the slow ones: as many on either side, and the one that is there."""
MOST_BEYOND = 20
"""Operations beyond the limit of a broken gate."""
WHOLE = ""
"""The key of the whole run."""


@dataclass(frozen=True, slots=True)
class SpentQuestion:
    """The questions about a run."""

    report_dir: Path
    """Where its records are."""
    timeout_s: float
    most_histories: int
    verify_tls: bool = True
    broken: Sequence[GateResult] = ()
    """The gates that do not hold."""
    hints: Mapping[Part, str] = field(default_factory=dict)
    """The options of the generator that decide parts of the time."""
    first: str = ""
    """Why the generator is to be blamed first; empty if it kept up."""
    host_died: str = ""
    """How the host ended; empty if it lives, or was not started by this run."""
    unaccounted: int = 0
    """Operations of processes that vanished: no record has them."""
    stuck: Sequence[StuckOperation] = ()
    """The first operations that had not ended when the run was over."""


class Spent(NamedTuple):
    """The answers: by scenario where the operations near each percentile spent their time, and which party did.

    `who` has the whole run under an empty name.
    """

    paths: dict[str, tuple[PathsAt, ...]]
    who: dict[str, Who]


def learn_spent(question: SpentQuestion, operation_urls: Iterable[OperationUrls]) -> Spent:
    """Return what can be learned in time; what cannot be read stays unknown. Never raises."""
    try:
        table = read_operations(question.report_dir).operations
    except ConfigurationError:
        return Spent({}, {})
    return learn_from_table(table, question, operation_urls)


def learn_from_table(table: pa.Table, question: SpentQuestion, operation_urls: Iterable[OperationUrls]) -> Spent:
    """Do as `learn_spent` does, for records that are in memory."""
    where = {one.scenario: one for one in operation_urls}
    with Asker(verify_tls=question.verify_tls, max_answer_bytes=MOST_ANSWER_BYTES) as asker:
        chosen = _ChosenOperations(table, where, question)
        histories = iter(range(question.most_histories))
        services = {name: Service(asker, one, histories) for name, one in where.items()}
        explained = all_read(services, chosen.wanted(), question.timeout_s)
    return Spent(chosen.paths(explained), chosen.who(explained))


Found = Mapping[OperationToExplain, Explanation | None]


class _ChosenOperations:
    """The operations that are looked at, by what they are to show."""

    def __init__(self, table: pa.Table, where: Mapping[str, OperationUrls], question: SpentQuestion) -> None:
        self._where, self._question = where, question
        names = [WHOLE, *(where if len(where) > 1 else ())]
        scenarios = {*where, *names, *(result.gate.scenario for result in question.broken)}
        self._samples = {name: Samples(table, name) for name in scenarios}
        self._near = {name: [self._samples[name].near(percent, MOST_NEAR) for percent in PERCENTILES] for name in where}
        self._tails = {name: self._samples[name].near(TAIL_PERCENT, MOST_OF_TAIL) for name in names}
        self._means = {name: self._samples[name].evenly(MOST_OF_MEAN) for name in names}
        self._beyond = {result.gate.name: self._beyond_limit(result) for result in question.broken}
        self._timed_out = {name: self._samples[name].timed_out(MOST_NEAR) for name in scenarios}

    def _beyond_limit(self, result: GateResult) -> list[Row]:
        gate = result.gate
        if gate.bound == "at least":
            return []
        return self._samples[gate.scenario].beyond(gate.metric, gate.limit, MOST_BEYOND)

    def wanted(self) -> list[OperationToExplain]:
        """Return the operations to be explained, the most important first."""
        groups = [*(group for groups in self._near.values() for group in groups)]
        for by_name in (self._beyond, self._timed_out, self._tails, self._means):
            groups += by_name.values()
        return [_wanted(row) for group in groups for row in group if row["scenario"] in self._where]

    def paths(self, found: Found) -> dict[str, tuple[PathsAt, ...]]:
        """Return the paths near each percentile by scenario."""
        return {
            name: tuple(
                paths_at(percent, group, [found.get(_wanted(row)) for row in group], self._where[name].home)
                for percent, group in zip(PERCENTILES, groups, strict=True)
                if group
            )
            for name, groups in self._near.items()
        }

    def who(self, found: Found) -> dict[str, Who]:
        """Return which party spent the time, for the run and each scenario with figures or broken gates of its own."""
        names = {*self._means, *(result.gate.scenario for result in self._question.broken)}
        return {name: self._who(name, found) for name in sorted(names)}

    def _who(self, name: str, found: Found) -> Who:
        tail = self._attributed(self._tails.get(name, ()), found)
        samples = self._samples[name]
        is_ours = samples.is_of_our_host()
        timed_out = self._attributed(self._timed_out[name], found)
        unaccounted = 0 if name else self._question.unaccounted
        broken = [result for result in self._question.broken if result.gate.scenario == name]
        known = Known(
            beyond={
                result.gate.name: self._attributed(self._beyond[result.gate.name], found, result.gate.metric)
                for result in broken
            },
            tail=tail,
            blames=blames_of(samples.failed(), timed_out, unaccounted, is_ours=is_ours),
            is_ours=is_ours,
            offered_per_s=samples.offered_per_s(),
            stuck=tuple(one for one in self._question.stuck if name in (WHOLE, one.scenario)),
            host_died=self._question.host_died,
            generator_late=self._question.first,
        )
        return Who(
            mean=self._attributed(self._means.get(name, ()), found),
            tail=tail,
            culprits={result.gate.name: culprit_of(result, known) for result in broken},
            first=self._question.first,
        )

    def _attributed(self, rows: Sequence[Row], found: Found, metric: str = "completion_ms") -> Attribution | None:
        operations = [Explained(row, found.get(_wanted(row))) for row in rows]
        here = all(is_here(where.home) for where in self._where.values())
        return attributed(operations, self._question.hints, metric, is_here=here)


def _wanted(row: Row) -> OperationToExplain:
    return OperationToExplain(row["scenario"], row["instance_id"])
