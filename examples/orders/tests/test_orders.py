"""A test of each kind for one app: docs/one-app-all-tests.md explains them."""

import pytest

from durable_harness.testing import assert_called_once, assert_completed, assert_failed

SMALL = {"id": "7", "item": "lamp", "amount": 12}
LARGE = {"id": "8", "item": "sofa", "amount": 2_000}


@pytest.fixture
def bank(durable_activities):
    """Answer in place of the activity that charges cards."""
    return durable_activities.fake("charge_card", returns={"charge": "c-1"})


def test_an_order_is_paid(operations, bank):
    operation = operations.start("/api/orders", SMALL)
    assert_completed(operation, output={"state": "paid", "charge": "c-1"})
    assert_called_once(operation, "write_receipt")
    assert [call.input["amount"] for call in bank.calls] == [12]


def test_what_is_no_order_is_refused(operations):
    answer = operations.request("POST", "/api/orders", {"id": 7})
    assert answer.status == 400
    assert "not an order" in answer.json()["error"]


@pytest.mark.durable_time("skip", at_most="4d")
def test_a_large_order_is_approved(operations, bank):
    operations.respond({"by": "Ada"}, to="approval")
    assert_completed(operations.start("/api/orders", LARGE), output={"state": "paid", "charge": "c-1"})


@pytest.mark.durable_time("skip", at_most="4d")
def test_a_large_order_expires_after_three_days(operations, bank):
    assert_completed(operations.start("/api/orders", LARGE), output={"state": "expired"})
    assert bank.count == 0


@pytest.mark.durable_time("skip", at_most="1h")
def test_a_refused_card_is_tried_three_times(operations, durable_activities):
    refused = durable_activities.fake("charge_card", raises=ValueError("the card is stolen"))
    assert_failed(operations.start("/api/orders", SMALL), match="the card is stolen")
    assert refused.count == 3


def test_the_last_item_is_sold_once(operations, bank):
    orders = [operations.start("/api/orders", {**SMALL, "id": f"lamp-{number}"}) for number in range(11)]
    states = [operation.wait()["output"]["state"] for operation in orders]
    assert sorted(states) == ["paid"] * 10 + ["sold out"]


def test_an_order_comes_by_the_queue(operations, bank):
    operations.trigger("order_from_queue", {"id": "9", "item": "desk", "amount": 5})
    assert_completed(operations.follow("order-9"), output={"state": "paid", "charge": "c-1"})
    assert operations.written("receipts/9.json", count=1) == ['{"id": "9", "charge": "c-1"}']


def test_the_code_still_replays_recorded_orders(operations, durable_replay, bank, tmp_path):
    operation = operations.start("/api/orders", SMALL)
    operation.wait()
    operation.record(tmp_path / "order.json")
    durable_replay(tmp_path / "order.json")
