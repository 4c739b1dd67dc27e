"""The keys of a gates file, with their units and what each may be, from the code that reads it."""

from durable_harness.gate import gatefile
from durable_harness.gate.audit import AuditProblem
from durable_harness.gate.metrics import COSTS, LATENCY_MEANINGS, METRICS
from durable_harness.gate.summary import LATENCIES_MS, POLLS_PER_OPERATION
from reference_pages.markdown import plain, table

PERCENTILE = '`p50`, `p95`, any `p1` to `p100`, `"p99.9"`, `max`'


def write() -> str:
    """Return the tables of the file, each with its keys."""
    sections = (_latencies, _counts, _operations, _audit, _scenario, _relative, _abort)
    return "\n\n".join(section() for section in sections)


def _latencies() -> str:
    rows = [(f"`[{name}]`", plain(LATENCY_MEANINGS[name])) for name in LATENCIES_MS]
    return (
        f"## Latencies\n\nKeys: {PERCENTILE}. Value: {gatefile.MILLISECONDS.meaning}, at most.\n\n"
        f"{table(('Table', 'Measures'), rows)}"
    )


def _counts() -> str:
    polls = (f"`[{POLLS_PER_OPERATION}]`", "polls until the end was seen", gatefile.POLLS.meaning)
    costs = [(f"`[{name}]`", METRICS[name].meaning, gatefile.COST.meaning) for name in COSTS]
    return (
        f"## Counts\n\nKeys: `mean`, {PERCENTILE}. Each is a limit at most.\n\n"
        f"{table(('Table', 'Counts', 'Value'), [polls, *costs])}"
    )


def _operations() -> str:
    rows = [(f"`{key}`", bound, limits.meaning) for key, (bound, limits) in gatefile.OPERATION_KEYS.items()]
    return f"## [operations]\n\n{table(('Key', 'Limit', 'Value'), rows)}"


def _audit() -> str:
    rows = [(f"`{problem.name.lower()}`", plain(problem.meaning)) for problem in AuditProblem]
    return (
        "## [audit]\n\nAfter a run the generator asks the server about every accepted operation."
        f" Value: {gatefile.WHOLE.meaning}, at most.\n\n{table(('Key', 'Operations that'), rows)}"
    )


def _scenario() -> str:
    refused = " and ".join(f"`{name}`" for name in gatefile.WHOLE_RUN_PROBLEMS)
    return (
        "## [scenario.NAME.TABLE]\n\nThe tables above, for one scenario alone: `[scenario.Burst.completion_ms]`."
        f" `[scenario.NAME.audit]` has no {refused}: no record says which scenario such an operation is of."
    )


def _relative() -> str:
    rows = [
        (
            f"`[relative.{metric.name}]`",
            "`mean`" if metric.is_count else PERCENTILE,
            plain((gatefile.TIMES_COUNT if metric.is_count else gatefile.TIMES_BASE).meaning),
        )
        for metric in METRICS.values()
    ]
    rates = [(f"`[relative]` `{key}`", "", gatefile.SHARE.meaning) for key in gatefile.RELATIVE_RATES]
    return f"## [relative]\n\nFor `ab` and `compare`.\n\n{table(('Table', 'Keys', 'Value'), [*rows, *rates])}"


def _abort() -> str:
    rule = gatefile.AbortRule()
    rows = [
        ("`on_fail`", "true or false", "true if the table has any key"),
        ("`grace_s`", gatefile.SECONDS.meaning, f"{rule.grace_s:g}"),
        ("`min_operations`", gatefile.WHOLE.meaning, f"{rule.min_operations}"),
    ]
    return (
        f"## [abort]\n\nEnds a run as soon as a gate can no longer hold.\n\n{table(('Key', 'Value', 'Default'), rows)}"
    )
