"""Which figures only the server can give, why a run may not have them, and what would give them.

A gate on such a figure neither holds nor fails: the verdict is that it was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping

from durable_harness.gate.metrics import COSTS

AUDIT = "audit"
SERVER_LATENCIES_MS = ("queueing_ms", "execution_ms", "server_completion_ms", "finish_ms", "detection_lag_ms")
"""The latencies that need a moment of the server."""
SERVER_SIDE = (*SERVER_LATENCIES_MS, *COSTS)

WHOLE_SECONDS = "the service reports whole seconds"
NO_BEGINNING = "the service does not report when work began"
NO_CREATION = "the service does not report, finer than seconds, when an operation was created"
NO_END = "the service does not report when an operation ended"
NO_COSTS = "the service does not count them, and no history that was read shows all of them"
UNKNOWN = "the service does not report"

SERVE_IT = "run the app on the embedded stack, without --host"
READ_HISTORIES = "read histories of the durable webhooks (--history-sample)"
NAME_TIMES = "name finer times in the service's description (started_at, finished_at)"
TIMES_REMEDY = f"{NAME_TIMES}, {READ_HISTORIES}, or {SERVE_IT}"
ACTIONS_REMEDY = (
    f"{READ_HISTORIES}, which show all actions of orchestrations without children, entities and continue-as-new, or "
    f"{SERVE_IT}"
)
AUDIT_REMEDY = (
    "see that the audit can ask, name the token's place in outputs ([status] token of the service's description), or "
    "leave the gate out"
)


def not_measurable(counts: Mapping[str, int], *, whole_seconds: bool) -> dict[str, str]:
    """Return why figures have no value at all, by their names, given how many operations have each.

    Call it for a run in which the end of operations was seen; `whole_seconds` if the service gave their end so.
    """
    lacking = [name for name in SERVER_SIDE if not counts.get(name)]
    no_end = WHOLE_SECONDS if whole_seconds else NO_END
    is_end_known = "finish_ms" not in lacking
    reasons = {
        **dict.fromkeys(COSTS, NO_COSTS),
        "queueing_ms": NO_BEGINNING,
        "execution_ms": NO_BEGINNING if is_end_known else no_end,
        "server_completion_ms": NO_CREATION if is_end_known else no_end,
    }
    return {name: reasons.get(name, no_end) for name in lacking}


def remedy(metric: str) -> str:
    """Return what would measure a figure, for the person who has a gate on it."""
    if metric == AUDIT:
        return AUDIT_REMEDY
    if metric not in COSTS:
        return TIMES_REMEDY
    return ACTIONS_REMEDY if metric == COSTS[0] else SERVE_IT
