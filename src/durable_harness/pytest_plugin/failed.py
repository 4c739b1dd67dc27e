"""What the report of a failed test has in addition to the failure itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from durable_harness.testing import DurableActivities, DurableFaults, Operations


def add_requests(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Add the reasons for server errors, the requests that no route answered, and the pages of started operations."""
    operations: Operations | None = getattr(item, "funcargs", {}).get("durable_operations")
    if operations is None:
        return
    if errors := operations.client.server_errors():
        report.sections.append(("durable-harness: server errors of this test", errors))
    if call.when == "call" and (routes := _unknown_routes(operations, call)):
        report.sections.append(("durable-harness: requests of this test that no route answers", routes))
    if call.when == "call" and (unused := operations.promises.unused()):
        text = ", ".join(f"'{event}'" for event in unused)
        report.sections.append(("durable-harness: promised events that nothing has waited for", text))
    if call.when == "call" and (kept := _kept_pages(operations)):
        report.sections.append(("durable-harness: pages of what this test has started", kept))


def add_unused_fakes(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the fakes of a test that no orchestration has called: it calls another name or URL instead."""
    activities: DurableActivities | None = getattr(item, "funcargs", {}).get("durable_activities")
    if activities is not None and report.when == "call" and (unused := activities.unused()):
        report.sections.append(("durable-harness: fakes that were never called", "\n".join(unused)))


def add_faults(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the faults of a test with their seed."""
    faults: DurableFaults | None = getattr(item, "funcargs", {}).get("durable_faults")
    if faults is not None:
        report.sections.append(("durable-harness: the faults of this test", faults.describe()))


def _kept_pages(operations: Operations) -> str:
    from durable_harness.testing.kept_pages import describe_kept  # noqa: PLC0415 - only a failed test needs it

    return describe_kept(operations.begun)


def _unknown_routes(operations: Operations, call: pytest.CallInfo[None]) -> str:
    """Return the requests that no route answered, unless the failure itself has them."""
    unknown = operations.client.unknown_routes()
    return "" if unknown and call.excinfo is not None and unknown in str(call.excinfo.value) else unknown
