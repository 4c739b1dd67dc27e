"""A test of each kind for one app: docs/how-to/one-app-all-tests.md explains them."""

import pytest

from durable_harness.testing import assert_called_once, assert_completed, assert_failed


def test_an_order_is_paid(operations, bank, order):
    operation = operations.start("/api/orders", order)
    assert_completed(operation, output={"state": "paid", "charge": "c-1"})
    assert_called_once(operation, "write_receipt")
    assert [call.input["amount"] for call in bank.calls] == [12]


def test_what_is_no_order_is_refused(operations):
    answer = operations.request("POST", "/api/orders", {"id": 7})
    assert answer.status == 400
    assert "not an order" in answer.json()["error"]


def test_a_large_order_is_approved(operations, bank, order):
    operations.respond({"by": "Ada"}, to="approval")
    assert_completed(
        operations.start("/api/orders", {**order, "amount": 2_000}), output={"state": "paid", "charge": "c-1"}
    )


@pytest.mark.durable_time("skip", at_most="4d")
def test_a_large_order_expires_after_three_days(operations, bank, order):
    assert_completed(operations.start("/api/orders", {**order, "amount": 2_000}), output={"state": "expired"})
    assert bank.count == 0


@pytest.mark.durable_time("skip", at_most="1h")
def test_a_refused_card_is_tried_three_times(operations, durable_activities, order):
    refused = durable_activities.fake("charge_card", raises=ValueError("the card is stolen"))
    assert_failed(operations.start("/api/orders", order), match="the card is stolen")
    assert refused.count == 3


def test_the_last_item_is_sold_once(operations, bank, order):
    orders = [operations.start("/api/orders", {**order, "id": f"{order['id']}-{number}"}) for number in range(11)]
    states = [operation.wait()["output"]["state"] for operation in orders]
    assert sorted(states) == ["paid"] * 10 + ["sold out"]


@pytest.mark.durable_isolation("hub")
def test_a_sold_lamp_is_back_in_an_empty_hub(operations, bank):
    for number in range(10):
        operations.start("/api/orders", {"id": f"last-{number}", "item": "lamp", "amount": 12}).wait()
    assert_completed(
        operations.start("/api/orders", {"id": "over", "item": "lamp", "amount": 12}), output={"state": "sold out"}
    )


def test_an_order_comes_by_the_queue(operations, bank, order):
    operations.trigger("order_from_queue", order)
    assert_completed(operations.follow(f"order-{order['id']}"), output={"state": "paid", "charge": "c-1"})
    receipts = operations.written(f"receipts/{order['id']}.json", count=1)
    assert len(set(receipts)) == 1  # written again with the same content if it is delivered twice
    assert '"charge": "c-1"' in receipts[0]


def test_the_code_still_replays_recorded_orders(operations, durable_replay, bank, order, tmp_path):
    operation = operations.start("/api/orders", order)
    operation.wait()
    operation.record(tmp_path / "order.json")
    durable_replay(tmp_path / "order.json")
