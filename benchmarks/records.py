"""What records of operations cost a generator, and how well the parts of an operation come to the whole.

    python benchmarks/records.py

    cost   CPU of keeping one record, columns and Parquet included, as a share of the CPU that a generator in full swing
           takes for an operation: it has few polls, so the share with more of them is smaller
    split  on the embedded stack, by how much the parts of completion (slip, start, queueing, execution, detection lag)
           differ from the whole

The figures go to the terminal and build/records.json.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from durable_harness.load.results.record_files import OperationsFile
from durable_harness.operations import OperationRecord, OperationState
from generators import OUTPUT, PATIENT, locust, server

ROUNDS = 3
RECORDS = 50_000
FLUSH_EVERY = 2_000
RATE, RUN_S = 300, 12


def record(number: int) -> OperationRecord:
    """Make the record of an operation that went as most do."""
    sent = 1_000.0 + number / 500
    return OperationRecord(
        token=f"{number:032x}",
        intended=sent - 0.0002,
        epoch_offset_s=1.7e9,
        sent=sent,
        accepted=sent + 0.01,
        first_running=sent + 0.2,
        seen=sent + 0.6,
        ended=sent + 0.6,
        server_created_epoch_s=1.7e9 + sent,
        server_running_epoch_s=1.7e9 + sent + 0.015,
        server_updated_epoch_s=1.7e9 + sent + 0.5,
        instance_id=f"{number:032x}",
        polls=3,
        poll_ms=6.1,
        bytes_received=2_900,
        state=OperationState.COMPLETED,
        scenario="Short",
    )


def cost_of_a_record_us() -> float:
    """Return the process's CPU for a record, with those threads that encode and write."""
    records = [record(number) for number in range(RECORDS)]
    with tempfile.TemporaryDirectory() as folder:
        file = OperationsFile(Path(folder), "local", {})
        began = time.process_time()
        for number, one in enumerate(records):
            file.ended(one)
            if number % FLUSH_EVERY == FLUSH_EVERY - 1:
                file.flush()
        file.close()
        return 1e6 * (time.process_time() - began) / RECORDS


def cost_of_an_operation_us() -> float:
    """Return the CPU of a generator for an operation of a start and one or two polls."""
    load = ("-u", "1", "--rate", str(RATE), "--operation-duration", "0.2", "--poll-interval", "0.25")
    with server() as port, locust("short", port, *load, "-t", f"{RUN_S}s", *PATIENT) as (process, folder):
        process.wait(timeout=120)
        summary = json.loads((folder / "summary.json").read_text())
    return 1e6 * float(summary["generator"]["cpu_s"]) / int(summary["operations"]["started"])


def split() -> dict[str, Any]:
    """Return how well parts and whole agree on the embedded stack."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "locust", "-f", "loadtests/steady.py", "--headless", "--only-summary"]
        command += ["-u", "1", "-t", "20s", "--rate", "20", "--report-dir", folder, "--gates", "none"]
        subprocess.run(command, check=False, capture_output=True)
        time_split: dict[str, Any] = json.loads((Path(folder) / "summary.json").read_text())["time_split"]
    return time_split


def main() -> None:
    records = statistics.median(cost_of_a_record_us() for _ in range(ROUNDS))
    operations = statistics.median(cost_of_an_operation_us() for _ in range(ROUNDS))
    figures = {"record_us": records, "operation_us": operations, "share": records / operations, "split": split()}
    OUTPUT.with_name("records.json").write_text(json.dumps(figures, indent=2))
    print(f"a record takes {records:.1f} µs, an operation {operations:.0f} µs of the generator's CPU: ", end="")
    print(f"{records / operations:.1%}")
    parts = figures["split"]
    print(f"{parts['operations']} operations split, {parts['unknown']} not; parts and whole differ by ", end="")
    print(f"{parts['excess_p99_ms']} ms at p99; mean parts in ms: {parts['mean_ms']}")


if __name__ == "__main__":
    main()
