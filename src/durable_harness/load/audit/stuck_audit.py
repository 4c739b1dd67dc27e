"""Learn after a run what operations that did not end wait for, while their host is still there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow.compute as pc

from durable_harness.errors import ConfigurationError
from durable_harness.gate.audit import Audit, AuditProblem
from durable_harness.gate.records import read_operations
from durable_harness.gate.stuck import StuckOperation
from durable_harness.load.audit.explaining import OperationToExplain, Service, all_read
from durable_harness.load.audit.operation_urls import OperationUrls
from durable_harness.load.audit.status_client import MOST_ANSWER_BYTES
from durable_harness.load.http import Asker
from durable_harness.operations import OperationState
from durable_harness.why import Explanation
from durable_harness.why.waiting import cause_lines
from durable_harness.wording.foreign_text import shown

MOST_ASKED = 3
MOST_TRIED = 9
"""Operations that timed out, asked about if no audit says which are stuck: most of them may have ended since."""
TIMEOUT_S = 10.0
NOT_EXPLAINED = "neither the notes of a host nor a history of it could be read"


def learn_stuck(
    report_dir: Path,
    operation_urls: Iterable[OperationUrls],
    audit: Audit | str,
    *,
    most_histories: int,
    verify_tls: bool,
) -> tuple[StuckOperation, ...]:
    """Return the first operations that have not ended, with what they wait for. Never raises.

    Without an audit those are asked for that timed out, and left out if they have ended since or it cannot be known.
    """
    known = {where.scenario: where for where in operation_urls}
    is_certain = isinstance(audit, Audit)
    suspects = list(islice(_found_stuck(audit), MOST_ASKED)) if isinstance(audit, Audit) else _timed_out(report_dir)
    with Asker(verify_tls=verify_tls, max_answer_bytes=MOST_ANSWER_BYTES) as asker:
        histories = iter(range(min(most_histories, len(suspects))))
        services = {name: Service(asker, where, histories) for name, where in known.items()}
        explained = all_read(services, [one for one in suspects if one.scenario in services], TIMEOUT_S)
    stuck = (_stuck(one, explained.get(one)) for one in suspects if is_certain or _is_alive(explained.get(one)))
    return tuple(islice(stuck, MOST_ASKED))


def _found_stuck(audit: Audit) -> Iterator[OperationToExplain]:
    for finding in audit.findings:
        if finding.problem is AuditProblem.STUCK and finding.instance_id:
            yield OperationToExplain(finding.scenario, finding.instance_id)


def _timed_out(report_dir: Path) -> list[OperationToExplain]:
    try:
        table = read_operations(report_dir).operations
    except ConfigurationError:
        return []
    wanted = pc.and_(pc.equal(table["state"], OperationState.TIMED_OUT.value), pc.is_valid(table["instance_id"]))
    rows = table.filter(wanted).select(["scenario", "instance_id"]).slice(0, MOST_TRIED).to_pylist()
    return [OperationToExplain(row["scenario"], row["instance_id"]) for row in rows]


def _is_alive(explained: Explanation | None) -> bool:
    return explained is not None and not explained.facts.has_ended


def _stuck(suspect: OperationToExplain, explained: Explanation | None) -> StuckOperation:
    scenario, instance_id = suspect
    if explained is None:
        return StuckOperation(shown(instance_id), scenario, unknown=NOT_EXPLAINED)
    facts = explained.facts
    waits = tuple(shown(line) for line in cause_lines(explained.waits))
    unknown = "" if waits else "; ".join(explained.not_known) or "it has ended since"
    return StuckOperation(shown(instance_id), scenario, shown(facts.orchestrator), facts.status.lower(), waits, unknown)
