"""What it costs a generator to note CPU and memory, its own and those of a host with its processes.

    python benchmarks/usage_watch.py

Looks come once a second, so the CPU milliseconds of a look are tenths of a percent of a core. The host is a child with
two children of its own; finding these reads about every process of the machine, and is in every fifth look. The figures
go to the terminal and build/usage_watch.json.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

import psutil

from durable_harness.load.watch.usage_sampling import LOOK_S, LOOKS_PER_SEARCH, Processes
from generators import OUTPUT

ROUNDS, LOOKS = 5, 200
CHILD = "import time; time.sleep(3600)"
HOST = f"import subprocess, sys; [subprocess.Popen([sys.executable, '-c', {CHILD!r}]) for _ in range(2)]; {CHILD}"


def cost_of_a_look_ms(pid: int, *, with_children: bool) -> float:
    """Return the CPU of one look, on average."""
    processes = Processes(pid, with_children=with_children)
    began_s = time.process_time()
    for _ in range(LOOKS):
        processes.look()
    return 1000 * (time.process_time() - began_s) / LOOKS


def main() -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST])
    try:
        while len(psutil.Process(host.pid).children()) < 2:
            time.sleep(0.05)
        own = [cost_of_a_look_ms(psutil.Process().pid, with_children=False) for _ in range(ROUNDS)]
        both = [cost_of_a_look_ms(host.pid, with_children=True) for _ in range(ROUNDS)]
    finally:
        for process in (*psutil.Process(host.pid).children(), psutil.Process(host.pid)):
            process.kill()
        host.wait()
    own_ms, host_ms = statistics.median(own), statistics.median(both)
    percent = (own_ms + host_ms) / 1000 / LOOK_S * 100
    figures = {"own_ms": own_ms, "host_ms": host_ms, "percent_of_a_core": percent, "processes": len(psutil.pids())}
    print(
        f"a look: {own_ms:.3f} ms for the generator, {host_ms:.3f} ms for a host of three processes"
        f" (searched for every {LOOKS_PER_SEARCH} looks, among {figures['processes']} on this machine);"
        f" together {percent:.3f} % of a core"
    )
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.with_name("usage_watch.json").write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
