"""Scenarios with types: options, arrival processes, payloads, output checks."""

from __future__ import annotations

from typing import Any, assert_type

from locust import task

from durable_harness.load import (
    Arrival,
    ArrivalProcess,
    ArrivalUser,
    Batches,
    Durations,
    OperationUser,
    Paced,
    RateProfile,
    ScenarioOption,
    read_durations,
    whole_number,
)
from durable_harness.operations import Operation, OperationRecord, OperationState

SIZE = ScenarioOption("--order-batch", whole_number, "5", "orders that come at once")
WORK = ScenarioOption("--order-work", read_durations, "0.2-0.4", "seconds of work that an order asks for")


class Batch(ArrivalUser):
    """Orders that come in batches, each with its own amount."""

    start_path = "/api/orders"

    def arrivals(self) -> ArrivalProcess:
        assert_type(SIZE, ScenarioOption[int])
        assert_type(SIZE.of(self), int)
        return Batches(SIZE.of(self), every_s=15)

    def payload(self, token: str) -> dict[str, Any]:
        assert_type(WORK.of(self), Durations)
        return {"id": token, "item": token, "amount": 12, "work_s": WORK.of(self).pick_s(self.random)}

    def check_output(self, sent: Any, output: Any) -> str | None:
        return None if output["state"] == "paid" else f"order {sent['id']} is {output['state']}"


class Morning(ArrivalUser):
    """Orders at a rate that rises."""

    start_path = "/api/orders"

    def arrivals(self) -> ArrivalProcess:
        return Paced(RateProfile.ramp(1, 20, over_s=60), poisson=True)

    def arrive(self, arrival: Arrival) -> None:
        assert_type(arrival.number, int)
        assert_type(self.start_operation(arrival), Operation)


class Customer(OperationUser):
    """A customer who waits for one order before the next."""

    start_path = "/api/orders"

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def one_order(self) -> None:
        record = self.run_operation()
        assert_type(record, OperationRecord)
        assert_type(record.state, OperationState)

    def on_accepted(self, operation: Operation) -> None:
        assert_type(operation.status_url, str | None)
