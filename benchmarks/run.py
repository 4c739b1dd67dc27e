"""`make bench`: this host against its peer in one run, what storage costs, how fast it starts.

Figures are ratios measured side by side; absolute ones describe only the machine of the run. The table goes to the
terminal, the figures to build/bench.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drive import drive
from durable_harness.stack import RunningStack, embedded_stack
from processes import cpu_s, free_port, resident_kb

HERE = Path(__file__).parent
APP = HERE.parent
OUTPUT = APP / "build" / "bench.json"
QUIET = ("--log-level", "warning")
OPERATIONS = {1: 150, 50: 1500, 500: 2000}
STORED = 20_000
SLICE = 1_500


def ours(stack: RunningStack, concurrency: int) -> dict[str, float]:
    assert stack.pid is not None
    before = cpu_s(stack.pid)
    operations = OPERATIONS[concurrency]
    loop = drive(stack.base_url, concurrency, operations)
    cpu_ms = 1000 * (cpu_s(stack.pid) - before) / operations
    return {"per_second": loop.per_second, "cpu_ms": cpu_ms, "p50_ms": loop.p50_ms, "p99_ms": loop.p99_ms}


def theirs(concurrency: int) -> dict[str, float]:
    port = free_port()
    script = [sys.executable, str(HERE / "peer.py")]
    backend = subprocess.Popen([*script, "backend", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert backend.stdout is not None
        backend.stdout.readline()
        command = [*script, "drive", str(port), str(concurrency), str(OPERATIONS[concurrency] // 2)]
        before = cpu_s(backend.pid)
        measured = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        backend_ms = 1000 * (cpu_s(backend.pid) - before) / (OPERATIONS[concurrency] // 2)
        return {"per_second": measured["per_second"], "cpu_ms": measured["cpu_ms"] + backend_ms}
    finally:
        backend.kill()
        backend.wait()


def throughput(rounds: int) -> list[dict[str, Any]]:
    """Measure both in turn, round by round; report medians."""
    rows = []
    for concurrency in OPERATIONS:
        mine, peers = [], []
        for _ in range(rounds):
            with embedded_stack(APP, serve_args=QUIET) as stack:
                drive(stack.base_url, concurrency, max(concurrency, 50))
                mine.append(ours(stack, concurrency))
            peers.append(theirs(concurrency))
        row = {f"ours_{key}": statistics.median(m[key] for m in mine) for key in mine[0]}
        row |= {f"peer_{key}": statistics.median(p[key] for p in peers) for key in peers[0]}
        rows.append({"concurrency": concurrency, "ratio": row["ours_per_second"] / row["peer_per_second"], **row})
    return rows


def storage() -> dict[str, float]:
    """Measure throughput with nothing and with many finished instances stored, and what each costs in memory."""
    with embedded_stack(APP, serve_args=QUIET) as stack:
        assert stack.pid is not None
        drive(stack.base_url, 50, SLICE)
        empty = [drive(stack.base_url, 50, SLICE).per_second for _ in range(3)]
        kb_before, filled = resident_kb(stack.pid), STORED
        drive(stack.base_url, 50, filled)
        kb_each = (resident_kb(stack.pid) - kb_before) / filled
        full = [drive(stack.base_url, 50, SLICE).per_second for _ in range(3)]
    ratio = statistics.median(full) / statistics.median(empty)
    return {"stored": filled, "kb_per_instance": kb_each, "throughput_ratio_full_to_empty": ratio}


LOOP_APP = """
import azure.durable_functions as df
app = df.DFApp()

@app.orchestration_trigger(context_name="context")
def loop(context):
    total = 0
    for number in range(1000):
        total += yield context.call_activity("echo", number)
    return total

@app.activity_trigger(input_name="number")
async def echo(number):
    return number
"""


def long_loop() -> float:
    """Measure one orchestration that calls 1,000 activities one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "function_app.py").write_text(LOOP_APP)
        with embedded_stack(Path(folder), serve_args=QUIET) as stack:
            url = f"{stack.base_url}/runtime/webhooks/durabletask/orchestrators/loop?timeout=60&pollingInterval=1"
            began = time.perf_counter()
            with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
                assert json.load(answer) == sum(range(1000))
            return time.perf_counter() - began


def timed(action: Callable[[], None], times: int = 5) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def start_up() -> dict[str, float]:
    """Measure the time until the host answers, beside a bare import of the app."""

    def bare() -> None:
        subprocess.run([sys.executable, "-c", "import function_app"], cwd=APP, check=True)

    def ready() -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "ready.json"
            command = [sys.executable, "-m", "durable_harness", "serve", "--port", "0", "--ready-file", str(file)]
            host = subprocess.Popen(command, cwd=APP, stdout=subprocess.DEVNULL)
            while not file.exists():
                time.sleep(0.002)
            ended.append(host)
            host.terminate()

    ended: list[subprocess.Popen[bytes]] = []
    figures = {"bare_import_s": timed(bare), "ready_s": timed(ready)}
    for host in ended:
        host.wait()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds per concurrency (default: 3)")
    rounds = parser.parse_args().rounds
    figures = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "start_up": start_up(),
        "throughput": throughput(rounds),
        "storage": storage(),
        "loop_of_1000_s": long_loop(),
    }
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2))
    print(table(figures))


def table(figures: dict[str, Any]) -> str:
    lines = [
        figures["machine"],
        "",
        "one-activity orchestrations, start to seen end; ours through HTTP, the peer's gRPC",
    ]
    lines.append("  in flight   ours/s   CPU ms   p50 ms   p99 ms   peer/s   CPU ms   ratio")
    lines += [
        f"  {row['concurrency']:9}  {row['ours_per_second']:7.0f}  {row['ours_cpu_ms']:7.2f}  {row['ours_p50_ms']:7.0f}"
        f"  {row['ours_p99_ms']:7.0f}  {row['peer_per_second']:7.0f}  {row['peer_cpu_ms']:7.2f}  {row['ratio']:5.1f}x"
        for row in figures["throughput"]
    ]
    storage_, start = figures["storage"], figures["start_up"]
    kept, each = storage_["throughput_ratio_full_to_empty"], storage_["kb_per_instance"]
    lines.append("")
    lines.append(f"{storage_['stored']} finished instances stored: throughput {kept:.0%} of empty, {each:.2f} KB each")
    lines.append(f"1000 activities one after the other in one orchestration: {figures['loop_of_1000_s']:.2f} s")
    lines.append(f"ready after {start['ready_s']:.2f} s; a bare import of the app takes {start['bare_import_s']:.2f} s")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
