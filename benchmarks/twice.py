"""What `--twice` costs: the CPU of the host for the same operations with and without it.

    python benchmarks/twice.py

Each operation calls 20 activities, one after the other. They do nothing, append to a file, or compute for 5 ms. Each
round runs them on a fresh host without and on one with the option, in turn. The figures go to the terminal and
build/twice.json.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import psutil

from durable_harness.stack import embedded_stack
from durable_harness.testing import Operations

ROOT = Path(__file__).parents[1]
APP = Path(__file__).parent / "twice_app"
OUTPUT = ROOT / "build" / "twice.json"
ROUNDS, WARM_UP, OPERATIONS, ACTIVITIES = 5, 5, 20, 20
CASES = {"nothing": (0.0, False), "a file": (0.0, True), "5 ms of CPU": (0.005, False)}


def main() -> None:
    """Measure, print and keep the figures."""
    figures = {name: _measured(*case) for name, case in CASES.items()}
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")
    for name, found in figures.items():
        print(
            f"{name:12} {found['once_ms']:8.2f} ms of CPU an activity, twice {found['twice_ms']:8.2f} ms:"
            f" {found['ratio']:.2f} times ({found['least']:.2f} to {found['most']:.2f} in {ROUNDS} rounds)"
        )


def _measured(cpu_s: float, writes: bool) -> dict[str, Any]:  # noqa: FBT001 - a case of the table
    rounds = [(_cpu_ms(cpu_s, writes, ()), _cpu_ms(cpu_s, writes, ("--twice",))) for _ in range(ROUNDS)]
    ratios = [twice / once for once, twice in rounds]
    return {
        "once_ms": statistics.median(once for once, _ in rounds),
        "twice_ms": statistics.median(twice for _, twice in rounds),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def _cpu_ms(cpu_s: float, writes: bool, options: tuple[str, ...]) -> float:  # noqa: FBT001 - same
    """Return the CPU of the host for one activity."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_stack(APP, serve_args=("--log-level", "error", *options)) as stack,
    ):
        operations, host = Operations(stack, Path(folder), 60.0), psutil.Process(stack.pid)
        asked = {"activities": ACTIVITIES, "cpu_s": cpu_s, "file": f"{folder}/file" if writes else None}
        _run(operations, asked, WARM_UP)
        before = host.cpu_times()
        _run(operations, asked, OPERATIONS)
        after = host.cpu_times()
        operations.close()
    used_s = after.user + after.system - before.user - before.system
    return used_s / (OPERATIONS * ACTIVITIES) * 1000


def _run(operations: Operations, asked: dict[str, Any], count: int) -> None:
    for _ in range(count):
        operations.start_orchestrator("work", asked).wait()


if __name__ == "__main__":
    main()
