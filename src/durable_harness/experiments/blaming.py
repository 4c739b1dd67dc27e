"""Which party spent the time in an experiment: asked of the systems while they still run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from durable_harness.experiments.driver import Driver
from durable_harness.experiments.offered import OfferedLoad
from durable_harness.gate.gates import GateResult
from durable_harness.gate.who.time_shares import Attribution
from durable_harness.gate.who.verdicts import Who
from durable_harness.load.audit import SpentQuestion, learn_from_table
from durable_harness.load.results.record_files import to_batch
from durable_harness.operations import OperationRecord
from durable_harness.why import Part

TIMEOUT_S = 10.0
"""For all requests together, after the load: the answer is worth a short wait, and the verdict does not need it."""
MOST_HISTORIES = 60
"""Of a system that this package does not serve."""


def who_it_was(  # noqa: PLR0913 - what is known of a trial
    driver: Driver,
    base_url: str,
    records: Sequence[OperationRecord],
    *,
    broken: Sequence[GateResult] = (),
    generator_late: str = "",
    host_died: str = "",
) -> Who | None:
    """Return who spent the time of these operations of a system, and who broke which limit; None without any."""
    ended = [record for record in records if record.state.has_ended]
    if not ended:
        return None
    where = None if host_died else driver.operation_urls_at(base_url)
    question = SpentQuestion(
        *(Path(), TIMEOUT_S, MOST_HISTORIES),
        broken=broken,
        hints=_hints(driver.load),
        first=generator_late,
        host_died=host_died,
    )
    table = pa.Table.from_batches([to_batch(ended, "")])
    return learn_from_table(table, question, [] if where is None else [where]).who.get("")


def mean_of(driver: Driver, base_url: str, records: Sequence[OperationRecord]) -> Attribution | None:
    """Return the shares of the parties in the mean of these operations; None if it is not known."""
    who = who_it_was(driver, base_url, records)
    return None if who is None else who.mean


def _hints(load: OfferedLoad) -> dict[Part, str]:
    return {Part.POLLING: f"polls are {load.poll_interval_s:g} s apart (--poll-interval)"}
