"""What the tests of the app share."""

import uuid

import pytest


@pytest.fixture
def order():
    """Return an order of an item of its own: tests share a task hub, and what one leaves is there for the next."""
    number = uuid.uuid4().hex[:8]
    return {"id": number, "item": f"lamp {number}", "amount": 12}


@pytest.fixture
def bank(durable_activities):
    """Answer in place of the activity that charges cards."""
    return durable_activities.fake("charge_card", returns={"charge": "c-1"})
