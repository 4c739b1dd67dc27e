"""What isolating a test costs: an empty hub after the instances of the test before, and a new host."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from durable_harness.operations import HttpResponse
from durable_harness.stack import RunningStack, embedded_stack
from durable_harness.testing import Operations

APP = Path(__file__).parents[1] / "tests" / "apps" / "alone"
LEFT_OVER = (0, 1, 10, 100)
"""How many instances the test before left."""


def leave(operations: Operations, count: int) -> None:
    """Leave instances; every second one has ended."""
    started = [operations.start_orchestrator("count" if number % 2 else "approval") for number in range(count)]
    for number, operation in enumerate(started):
        operation.wait() if number % 2 else operation.wait_for("Running")


def is_empty(operations: Operations) -> bool:
    """Return whether no instance is left."""
    answer = operations.client.request("GET", "/runtime/webhooks/durabletask/instances")
    return isinstance(answer, HttpResponse) and answer.json() == []


def measured_ms(isolate: Callable[[], None]) -> float:
    """Return how long one isolation takes."""
    began = time.perf_counter()
    isolate()
    return 1000 * (time.perf_counter() - began)


def compare(stack: RunningStack, operations: Operations, rounds: int) -> None:
    """Print the cost of an empty hub by what was left, and that of a new host."""
    control = stack.control
    assert control is not None
    for count in LEFT_OVER:
        taken = []
        for _ in range(rounds):
            leave(operations, count)
            taken.append(measured_ms(control.empty_hubs))
            assert is_empty(operations)
        print(f"hub      {count:>5} instances  median {statistics.median(taken):6.1f} ms  most {max(taken):6.1f} ms")
    taken = [measured_ms(control.restart_host) for _ in range(rounds)]
    print(f"process                  median {statistics.median(taken):6.1f} ms  most {max(taken):6.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_stack(APP, serve_args=("--test-control",), restarts=True) as stack,
    ):
        compare(stack, Operations(stack, Path(folder)), rounds)


if __name__ == "__main__":
    main()
