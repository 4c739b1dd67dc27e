"""`pytest --twice`, the marks `twice` and `once`, and what the run reports of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from durable_harness.pytest_plugin.plugin_options import REPLAYING_STACKS, setting, twice_answer, wants_twice
from durable_harness.pytest_plugin.runs import TWICE_ATTRIBUTE

if TYPE_CHECKING:
    from durable_harness.testing import Operations
    from durable_harness.testing.twice_in_test import DeliveredTwice

MARKERS = (
    "twice(on=True, *, answer, reason): deliver the work of this test twice, or not with --twice (durable-harness)",
    "once(*names, allow): fail if these activities or entities, delivered twice, act twice (durable-harness)",
)
WORK: pytest.StashKey[DeliveredTwice] = pytest.StashKey()
DOCUMENT = pytest.StashKey[dict[str, Any]]()
TITLE = "durable-harness: delivered twice"


def serve_args(config: pytest.Config, stack: str, *, is_marked: bool) -> tuple[str, ...]:
    """Return the options of `durable-harness serve` by which a stack delivers work twice, or may be asked to."""
    if stack not in REPLAYING_STACKS:
        return ()
    if wants_twice(config):
        return ("--twice", "--twice-answer", twice_answer(config), "--twice-on-request")
    return ("--twice-on-request",) if is_marked else ()


def is_marked(item: pytest.Item) -> bool:
    """Return whether a test asks for it by a mark."""
    return any(item.get_closest_marker(name) for name in ("twice", "once"))


def is_wanted(item: pytest.Item) -> bool:
    """Return whether the work of a test may be delivered twice."""
    return wants_twice(item.config) or is_marked(item)


def work_of_test(request: pytest.FixtureRequest, stack: Any) -> Iterator[None]:
    """Deliver the work of a test as it asks, until its end; skip a test whose marks the stack does not support."""
    from durable_harness.errors import UsageError  # noqa: PLC0415 - who uses no fixture pays nothing
    from durable_harness.testing.twice_in_test import delivered_twice, plan_of  # noqa: PLC0415 - same

    item, config = request.node, request.config
    marks = list(item.iter_markers("once"))
    try:
        plan = plan_of(marks, item.get_closest_marker("twice"), is_asked_for=wants_twice(config))
        work = delivered_twice(stack, plan)
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)
    if work is None and (plan.is_on or plan.once):
        pytest.skip(
            f"the {stack.name} stack delivers nothing twice: its host is not a process of ours. Run this test with"
            " --stack embedded or --stack emulator"
        )
    if work is None:
        yield
        return
    item.stash[WORK] = work
    yield
    work.end()


def check(item: pytest.Item, *, has_passed: bool) -> None:
    """Keep the results of a test's work; fail a passing test if a function acted twice that must not."""
    work = item.stash.get(WORK, None)
    if work is not None and has_passed and work.is_checked:
        _settle(item, work)
    document = None if work is None else work.report()
    if work is None or document is None:
        return
    item.stash[DOCUMENT] = document
    if has_passed and (problem := work.problem(document)):
        pytest.fail(problem, pytrace=False)


def check_use(item: pytest.Item) -> None:
    """Fail a test whose mark could not check anything: it uses no fixture of the plugin, so no app runs for it."""
    if item.get_closest_marker("once") is not None:
        pytest.fail(
            "mark once: the test uses no fixture of durable-harness, and nothing of the app runs in it. Take operations"
            " into its arguments, or take the mark away.",
            pytrace=False,
        )


def _settle(item: pytest.Item, work: DeliveredTwice) -> None:
    """Wait for the work that the test has begun, for as long as an operation may take."""
    operations: Operations | None = getattr(item, "funcargs", {}).get("durable_operations")
    timeout_s = float(setting(item.config, "--operation-timeout")) if operations is None else operations.timeout_s
    work.settle(timeout_s)
    if operations is None or work.has_scheduler:
        return
    from durable_harness.testing import StuckOperationError  # noqa: PLC0415 - same

    for operation in operations.begun:
        with contextlib.suppress(StuckOperationError):
            operation.wait()


def add_to_report(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the results of a test's work to its report, as text if it failed."""
    document = item.stash.get(DOCUMENT, None)
    if document is None or report.when != "call":
        return
    setattr(report, TWICE_ATTRIBUTE, document)
    if report.failed and (lines := lines_of([document], has_notes=False)):
        report.sections.append((f"{TITLE} in this test", "\n".join(lines)))


def lines_of(documents: list[dict[str, Any]], *, has_notes: bool = True) -> list[str]:
    """Return the results of all this work as text, with notes on what was watched and what cannot be seen."""
    from durable_harness.twice_report import lines_of, merged  # noqa: PLC0415 - same

    notes = [{"watched": one["watched"]} for one in documents[:1] if has_notes]
    return list(lines_of({**merged(documents), **(notes[0] if notes else {})}))
