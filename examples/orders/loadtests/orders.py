"""Orders at an even rate. The bank is asked for real: `BANK_URL` names one that can be loaded."""

from typing import Any

from durable_harness.load import ArrivalUser


class Orders(ArrivalUser):
    """Each order is of an item of its own, so that none is sold out."""

    start_path = "/api/orders"

    def payload(self, token: str) -> Any:
        return {"id": token, "item": token, "amount": 12}

    def check_output(self, sent: Any, output: Any) -> str | None:
        return None if output["state"] == "paid" else f"order {sent['id']} is {output['state']}"
