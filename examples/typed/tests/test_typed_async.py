"""The async twins of the fixtures with types. They run with anyio's plugin for pytest."""

from __future__ import annotations

import uuid
from typing import Any, assert_type

import pytest

from durable_harness.testing import DurableActivities
from durable_harness.testing.aio import AsyncOperations, AsyncStartedOperation, assert_completed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_orders_are_paid(
    durable_async_operations: AsyncOperations, durable_activities: DurableActivities
) -> None:
    durable_activities.fake("charge_card", by=lambda sent: {"charge": sent["id"]})
    number = uuid.uuid4().hex[:8]
    operation = await durable_async_operations.start(
        "/api/orders", {"id": number, "item": f"lamp {number}", "amount": 12}
    )
    assert_type(operation, AsyncStartedOperation)
    assert_type(await operation.wait(), dict[str, Any])
    assert_type(await assert_completed(operation, output={"state": "paid", "charge": number}), Any)
