"""What the app sends to the bank, and what becomes of it when the bank or a delivery fails."""

import pytest

from durable_harness.testing import HttpAnswer, assert_completed


def test_the_bank_gets_the_amount_and_a_key(operations, durable_http, order):
    bank = durable_http.answer("https://bank.example/charges", method="POST", returns={"charge": "c-2"})
    assert_completed(operations.start("/api/orders", order), output={"state": "paid", "charge": "c-2"})
    assert bank.count >= 1
    for call in bank.calls:  # more than one if the work is delivered again, as with --twice
        assert call.json() == {"amount": 12}
        assert call.headers["idempotency-key"] == order["id"]


@pytest.mark.durable_time("skip", at_most="1h")
def test_a_bank_that_is_down_is_asked_again(operations, durable_http, order):
    answers = [HttpAnswer("try later", status=503), HttpAnswer({"charge": "c-3"})]
    durable_http.answer(
        "https://bank.example/charges", by=lambda request: answers.pop(0) if len(answers) > 1 else answers[0]
    )
    assert_completed(operations.start("/api/orders", order), output={"state": "paid", "charge": "c-3"})


@pytest.mark.once("charge_card", "write_receipt")
def test_nothing_is_charged_twice(operations, durable_http, order):
    durable_http.answer("https://bank.example/charges", returns={"charge": "c-4"})
    assert_completed(operations.start("/api/orders", order))
