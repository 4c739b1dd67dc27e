"""Memory and time of long histories: activities in a row, and events that no orchestrator awaits.

    python benchmarks/long_histories.py            all cases; print a table, write build/bench-long-histories.json
    python benchmarks/long_histories.py CASE N     one case: see CASES

Each case has processes of its own, so that its memory is its own. Host and embedded scheduler are one process; with
`remote` the scheduler is another, and durabletask's own worker is measured on the same kind of scheduler. Growth is
the exponent that leads from the first length to the last one: 1 is linear.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from durable_harness.stack import RunningStack, embedded_stack, scheduler_process
from processes import peak_kb, resident_kb

HERE = Path(__file__).parent
APP = HERE / "long_histories_app"
OUTPUT = HERE.parent / "build" / "bench-long-histories.json"
LENGTHS = (1_000, 10_000)
PEER_LENGTH = 3_000
POLL_S = 0.05
SETTLING_S = 2.0
"""How long the processes have after the end to write and to free what they will."""


@dataclass(frozen=True)
class Figures:
    """What one case came to. Memory is resident, in MB: at most, and how much more than in a process that is ready.

    `kept_mb` is how much more than that is left after the end.
    """

    case: str
    length: int
    seconds: float
    peak_mb: float
    growth_mb: float
    kept_mb: float
    scheduler_peak_mb: float | None = None
    scheduler_kept_mb: float | None = None


class Client:
    """One connection to a host."""

    def __init__(self, base_url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc)

    def ask(self, method: str, url: str, body: str | None = None) -> Any:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self._connection.request(method, target, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        text = response.read()
        assert response.status < 300, (response.status, text)
        return json.loads(text) if text else None

    def start(self, name: str, length: int) -> dict[str, str]:
        started: dict[str, str] = self.ask("POST", f"/api/{name}/{length}")
        return started

    def raise_event(self, started: dict[str, str], name: str) -> None:
        self.ask("POST", started["sendEventPostUri"].replace("{eventName}", name), "1")

    def wait(self, started: dict[str, str]) -> None:
        while (status := self.ask("GET", started["statusQueryGetUri"]))["runtimeStatus"] in {"Pending", "Running"}:
            time.sleep(POLL_S)
        assert status["runtimeStatus"] == "Completed", status


def activities(client: Client, length: int) -> None:
    client.wait(client.start("chain", length))


def events(client: Client, length: int) -> None:
    started = client.start("deaf", length)
    for _ in range(length):
        client.raise_event(started, "unheard")
    client.raise_event(started, "end")
    client.wait(started)


Run = Callable[[Client, int], None]


@contextlib.contextmanager
def embedded(*serve_args: str) -> Iterator[tuple[RunningStack, None]]:
    with embedded_stack(APP, serve_args=("--log-level", "error", *serve_args)) as stack:
        yield stack, None


@contextlib.contextmanager
def with_data() -> Iterator[tuple[RunningStack, None]]:
    with tempfile.TemporaryDirectory() as folder, embedded("--data", f"{folder}/hub.db") as both:
        yield both


@contextlib.contextmanager
def remote() -> Iterator[tuple[RunningStack, int]]:
    with scheduler_process() as scheduler:
        connection = f"Endpoint=http://{scheduler.grpc_address};Authentication=None;TaskHub=default"
        with embedded("--scheduler", connection) as (stack, _):
            yield stack, scheduler.pid


CASES: dict[str, tuple[Run, Callable[[], contextlib.AbstractContextManager[tuple[RunningStack, int | None]]]]] = {
    "activities, in memory": (activities, embedded),
    "activities, --data": (activities, with_data),
    "activities, remote": (activities, remote),
    "events, in memory": (events, embedded),
    "events, --data": (events, with_data),
    "events, remote": (events, remote),
}


def measure(case: str, length: int) -> Figures:
    run, open_stack = CASES[case]
    with open_stack() as (stack, scheduler):
        assert stack.pid is not None
        client = Client(stack.base_url)
        before_kb = resident_kb(stack.pid)
        scheduler_before_kb = resident_kb(scheduler) if scheduler else 0
        began = time.perf_counter()
        run(client, length)
        seconds = time.perf_counter() - began
        time.sleep(SETTLING_S)
        return Figures(
            case,
            length,
            seconds,
            peak_mb=peak_kb(stack.pid) / 1024,
            growth_mb=(peak_kb(stack.pid) - before_kb) / 1024,
            kept_mb=(resident_kb(stack.pid) - before_kb) / 1024,
            scheduler_peak_mb=peak_kb(scheduler) / 1024 if scheduler else None,
            scheduler_kept_mb=(resident_kb(scheduler) - scheduler_before_kb) / 1024 if scheduler else None,
        )


def peer(length: int) -> dict[str, float]:
    """Return the seconds and the memory of durabletask's own worker on our scheduler."""
    with scheduler_process() as scheduler:
        command = [sys.executable, str(HERE / "peer.py"), "chain", scheduler.grpc_address.rpartition(":")[2]]
        done = subprocess.run([*command, str(length)], check=True, stdout=subprocess.PIPE, text=True)
        measured: dict[str, float] = json.loads(done.stdout)
        return measured


def exponent(first: float, last: float) -> float:
    """Return how a figure grows with the length: the power of it that leads from the first to the last."""
    return math.log(last / first) / math.log(LENGTHS[-1] / LENGTHS[0])


def show(figures: Figures) -> None:
    scheduler = (
        f", scheduler {figures.scheduler_peak_mb:.0f} MB, {figures.scheduler_kept_mb:+.0f} MB after the end"
        if figures.scheduler_peak_mb is not None
        else ""
    )
    print(
        f"{figures.case:22} {figures.length:6}  {figures.seconds:7.1f} s  {figures.peak_mb:6.0f} MB at most,"
        f" {figures.kept_mb:+.0f} MB after the end{scheduler}",
        flush=True,
    )


def all_cases() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for case in CASES:
        rows = [measure(case, length) for length in LENGTHS]
        for row in rows:
            show(row)
        growth = {name: exponent(getattr(rows[0], name), getattr(rows[-1], name)) for name in ("seconds", "growth_mb")}
        print(f"{'':22} time grows with n^{growth['seconds']:.2f}, memory with n^{growth['growth_mb']:.2f}", flush=True)
        found[case] = {"rows": [asdict(row) for row in rows], "growth": growth}
    return found


def beside_the_peer() -> dict[str, Any]:
    ours = measure("activities, remote", PEER_LENGTH)
    show(ours)
    theirs = peer(PEER_LENGTH)
    print(
        f"{'durabletask on it':22} {PEER_LENGTH:6}  {theirs['seconds']:7.1f} s  {theirs['peak_mb']:6.0f} MB at most:"
        f" {theirs['seconds'] / ours.seconds:.1f} times our time"
    )
    return {"ours": asdict(ours), "durabletask": theirs}


def main() -> None:
    if len(sys.argv) > 1:
        case, length = sys.argv[1:]
        show(measure(case, int(length)))
        return
    figures = all_cases() | {"peer": beside_the_peer()}
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
