"""Orders survive what breaks between host and scheduler."""

from durable_harness.testing import assert_completed


def test_no_order_is_lost(operations, durable_activities, durable_faults):
    durable_activities.fake("charge_card", returns={"charge": "c-5"})
    durable_faults.drop_work_items(probability=0.1)
    durable_faults.refuse_completions(3)
    orders = [operations.start("/api/orders", {"id": str(n), "item": f"lamp {n}", "amount": 12}) for n in range(10)]
    for operation in orders:
        assert_completed(operation, output={"state": "paid", "charge": "c-5"})
