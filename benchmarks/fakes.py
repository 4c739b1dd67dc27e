"""What fakes cost a test on a running host: the same operation with the app's own activity, and with a fake of it.

    python benchmarks/fakes.py [--rounds 200]

Times are of the whole test as it sees them, in ms, by turns: making the fake, the start, the wait, ending the fake.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from durable_harness.stack import embedded_stack
from durable_harness.testing import DurableActivities, Operations

APP = Path(__file__).parents[1] / "tests" / "apps" / "faked"


def plain(operations: Operations) -> None:
    """Run the app's own activity."""
    operations.start_orchestrator("pay", {"amount": 1}).wait()


def faked(operations: Operations, activities: DurableActivities) -> None:
    """Run a fake of it, as a test with the fixture does."""
    charged = activities.fake("charge_card", returns={"receipt": 1})
    operations.start_orchestrator("pay", {"amount": 1}).wait()
    assert charged.count == 1
    activities.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    taken_ms: dict[str, list[float]] = {"own": [], "faked": []}
    with tempfile.TemporaryDirectory() as folder, embedded_stack(APP, serve_args=("--test-control",)) as stack:
        assert stack.control is not None
        operations = Operations(stack, Path(folder))
        plain(operations)
        for _ in range(rounds):
            for kind, values in taken_ms.items():
                began = time.perf_counter()
                if kind == "own":
                    plain(operations)
                else:
                    faked(operations, DurableActivities(stack.control))
                values.append(1000 * (time.perf_counter() - began))
    for kind, values in taken_ms.items():
        print(f"{kind:<6} median {statistics.median(values):6.1f} ms  most {max(values):6.1f} ms")
    more_ms = statistics.median(taken_ms["faked"]) - statistics.median(taken_ms["own"])
    print(f"a fake costs {more_ms:.1f} ms more")


if __name__ == "__main__":
    main()
