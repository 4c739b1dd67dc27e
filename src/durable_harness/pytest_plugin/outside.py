"""Outside services in tests: the fixture that fakes them, and their part of the report of a failed test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from durable_harness.pytest_plugin import own_function_errors

if TYPE_CHECKING:
    from durable_harness.stack import RunningStack
    from durable_harness.testing import DurableHttp

CAUGHT: pytest.StashKey[DurableHttp] = pytest.StashKey()
USED = pytest.StashKey[bool]()
"""Of a module, whether one of its tests uses the fixture."""
SECTION = "durable-harness: requests to outside services that nothing answered"


@pytest.fixture
def durable_http(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, durable_stack: RunningStack
) -> Iterator[DurableHttp]:
    """Answer the requests that the app sends to outside services, until the end of the test.

    Example: `durable_http.answer("https://bank.example/charges", returns={"charge": "c-1"})`.

    The test is skipped on the stacks func and remote, because durable-harness does not run their host.
    """
    from durable_harness.testing.liveness import has_ended  # noqa: PLC0415 - same
    from durable_harness.testing.outside import http_of  # noqa: PLC0415 - same

    outside = http_of(durable_stack)
    if outside is None:
        pytest.skip(
            f"requests of the {durable_stack.name} stack cannot be answered for: its host is not a process of ours. Run"
            " this test with --stack embedded or --stack emulator"
        )
    for _ in own_function_errors.used(request.node, pytestconfig, outside, lambda: has_ended(durable_stack)):
        yield outside


@pytest.fixture
def _durable_caught(request: pytest.FixtureRequest, durable_stack: RunningStack) -> Iterator[None]:
    """Catch the connections of a test without `durable_http` in a module that uses it: none may leave the machine."""
    from durable_harness.errors import HarnessError  # noqa: PLC0415 - same
    from durable_harness.testing.outside import http_of  # noqa: PLC0415 - same

    outside = http_of(durable_stack)
    if outside is None:
        yield
        return
    request.node.stash[CAUGHT] = outside
    yield
    with contextlib.suppress(HarnessError):  # the host has ended
        outside.close()


def is_caught(item: pytest.Item, is_used: Callable[[pytest.Item], bool]) -> bool:
    """Return whether the connections of a test are caught although it does not use the fixture."""
    module: Any = item.getparent(pytest.Module)
    if module is None or "durable_http" in getattr(item, "fixturenames", ()):
        return False
    if USED not in module.stash:
        module.stash[USED] = is_used(module)
    return bool(module.stash[USED])


def add_to_report(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the unanswered requests to the report of a failed test."""
    used: DurableHttp | None = getattr(item, "funcargs", {}).get("durable_http") or item.stash.get(CAUGHT, None)
    if report.failed and used is not None and (unanswered := used.describe()):
        report.sections.append((SECTION, unanswered))
