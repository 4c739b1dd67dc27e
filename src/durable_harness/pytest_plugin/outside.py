"""Outside services in tests: the fixture that answers for them, and what the report of a failed test says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from durable_harness.pytest_plugin import own_functions

if TYPE_CHECKING:
    from durable_harness.stack import RunningStack
    from durable_harness.testing import DurableHttp

SECTION = "durable-harness: requests to outside services that nothing answered"


@pytest.fixture
def durable_http(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, durable_stack: RunningStack
) -> Iterator[DurableHttp]:
    """Answer the requests that the app sends to outside services, until the end of the test.

    The test is skipped on stacks whose host is not ours.
    """
    from durable_harness.testing.liveness import has_ended  # noqa: PLC0415 - same
    from durable_harness.testing.outside import http_of  # noqa: PLC0415 - same

    outside = http_of(durable_stack)
    if outside is None:
        pytest.skip(
            f"requests of the {durable_stack.name} stack cannot be answered for: its host is not a process of ours. Run"
            " this test with --stack embedded or --stack emulator"
        )
    for _ in own_functions.used(request.node, pytestconfig, outside, lambda: has_ended(durable_stack)):
        yield outside


def add_to_report(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add to the report of a failed test the requests that it left without an answer."""
    used: DurableHttp | None = getattr(item, "funcargs", {}).get("durable_http")
    if report.failed and used is not None and (unanswered := used.describe()):
        report.sections.append((SECTION, unanswered))
