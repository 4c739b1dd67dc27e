"""Tests of the app in examples/orders with types: what an editor and a type checker know of the fixtures."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, assert_type

import pytest

from durable_harness.operations import HttpResponse
from durable_harness.stack import RunningStack
from durable_harness.testing import (
    DurableActivities,
    DurableClock,
    DurableFaults,
    DurableHttp,
    EventResponse,
    Fake,
    FakeCall,
    FaultHit,
    HttpAnswer,
    HttpCall,
    InjectedFault,
    OperationMeasurement,
    Operations,
    OutsideService,
    StartedOperation,
    TriggeredFunction,
    WrittenOutput,
    assert_called_once,
    assert_completed,
    assert_failed,
)

Order = dict[str, object]


@pytest.fixture
def order() -> Order:
    number = uuid.uuid4().hex[:8]
    return {"id": number, "item": f"lamp {number}", "amount": 12}


@pytest.fixture
def bank(durable_activities: DurableActivities) -> Fake:
    return durable_activities.fake("charge_card", returns={"charge": "c-1"})


def test_an_order_is_paid(durable_operations: Operations, bank: Fake, order: Order) -> None:
    operation = durable_operations.start("/api/orders", order)
    assert_type(operation, StartedOperation)
    assert_type(operation.instance_id, str)
    output = assert_completed(operation, output={"state": "paid", "charge": "c-1"}, timeout_s=20.0)
    assert_type(output, Any)
    assert_called_once(operation, "write_receipt")
    assert_type(bank.calls, list[FakeCall])
    assert_type(bank.wait(1)[0].at_s, float)
    assert [call.input["amount"] for call in bank.calls] == [12]


def test_what_an_operation_knows(durable_operations: Operations, bank: Fake, order: Order) -> None:
    operation = durable_operations.start("/api/orders", order)
    assert_type(operation.wait(timeout_s=20.0), dict[str, Any])
    assert_type(operation.status(), dict[str, Any])
    assert_type(operation.history(), list[dict[str, Any]])
    assert_type(operation.poll(), HttpResponse)
    measured = operation.measured()
    assert_type(measured, OperationMeasurement)
    assert_type(measured.execution_ms, float | None)
    assert measured.execution_ms is not None
    assert bank.count == 1


def test_what_is_no_order_is_refused(durable_operations: Operations) -> None:
    answer = durable_operations.request("POST", "/api/orders", {"id": 7}, headers={"Accept": "application/json"})
    assert_type(answer, HttpResponse)
    assert_type(answer.status, int)
    assert answer.status == 400


def test_a_refused_card_fails_the_order(
    durable_operations: Operations, durable_activities: DurableActivities, durable_clock: DurableClock, order: Order
) -> None:
    durable_activities.fake("charge_card", raises=ValueError("the card is stolen"))
    durable_clock.skip(at_most="1h")
    reason = assert_failed(durable_operations.start("/api/orders", order), match="the card is stolen")
    assert_type(reason, str)


def test_a_large_order_expires(
    durable_operations: Operations, durable_clock: DurableClock, bank: Fake, order: Order
) -> None:
    operation = durable_operations.start("/api/orders", {**order, "amount": 2_000})
    operation.wait_for("Running")
    assert_type(durable_clock.now(), datetime)
    assert_type(durable_clock.advance(timedelta(days=4)), datetime)
    assert_completed(operation, output={"state": "expired"})
    assert bank.count == 0


def test_a_large_order_is_approved(durable_operations: Operations, bank: Fake, order: Order) -> None:
    operation = durable_operations.start("/api/orders", {**order, "amount": 2_000})
    assert_type(operation.respond({"by": "Ada"}, to="approval"), EventResponse)
    assert_completed(operation, output={"state": "paid", "charge": "c-1"})
    assert bank.count == 1


def test_an_order_comes_by_the_queue(durable_operations: Operations, bank: Fake, order: Order) -> None:
    triggered = durable_operations.trigger("order_from_queue", order)
    assert_type(triggered, TriggeredFunction)
    operation = durable_operations.follow(f"order-{order['id']}")
    assert_completed(operation)
    assert_type(durable_operations.written(f"receipts/{order['id']}.json", count=1), list[Any])
    assert_type(durable_operations.outputs(), list[WrittenOutput])
    assert_type(durable_operations.started("process_order", count=1), list[StartedOperation])
    assert bank.count == 1


def test_the_bank_is_asked_outside(durable_operations: Operations, durable_http: DurableHttp, order: Order) -> None:
    def charge(call: HttpCall) -> HttpAnswer:
        assert_type(call.headers["idempotency-key"], str)
        return HttpAnswer({"charge": "c-2"}, status=201)

    outside = durable_http.answer("https://bank.example/charges", method="POST", by=charge)
    assert_type(outside, OutsideService)
    assert_completed(durable_operations.start("/api/orders", order), output={"state": "paid", "charge": "c-2"})
    assert_type(outside.calls, list[HttpCall])
    assert outside.count >= 1


def test_no_order_is_lost(
    durable_operations: Operations, durable_faults: DurableFaults, bank: Fake, order: Order
) -> None:
    refused = durable_faults.refuse_completions(1, kind="activity")
    assert_type(refused, InjectedFault)
    assert_completed(durable_operations.start("/api/orders", order))
    assert_type(refused.wait(), list[FaultHit])
    assert bank.count >= 1


def test_the_system_under_test(
    durable_stack: RunningStack, durable_url: str, durable_history: Callable[[str], list[dict[str, Any]]]
) -> None:
    assert_type(durable_stack.function_key, str | None)
    assert durable_url == durable_stack.base_url
    assert callable(durable_history)
