"""Orders survive what breaks between host and scheduler."""

from durable_harness.testing import assert_completed


def test_no_order_is_lost(operations, bank, durable_faults, order):
    durable_faults.drop_work_items(probability=0.1)
    durable_faults.refuse_completions(3)
    orders = [operations.start("/api/orders", {**order, "id": f"{order['id']}-{n}"}) for n in range(10)]
    for operation in orders:
        assert_completed(operation, output={"state": "paid", "charge": "c-1"})
