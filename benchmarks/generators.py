"""The load generator against its peers on the same server in one run: `python benchmarks/generators.py [SECTION…]`.

    in-flight   operations in flight, each polled once a second: CPU per poll and lateness, beside a plain FastHttpUser
                with one greenlet for each, and what a C client needs for as many requests (if there is a C compiler)
    cliff       connections and CPU of a plain FastHttpUser below and above a thousand open descriptors, and ours
    latency     what a request takes from its intended start at 200/s, beside a C client (needs a C compiler)
    processes   percentiles of two processes and of one, same seed and rate
    together    operations that two processes hold in flight at once (--processes 2), each polled once a second

Figures are ratios; absolute ones describe the machine of the run. They go to the terminal and build/generators.json.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from processes import cpu_s, free_port, resident_kb

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "build" / "generators.json"
PLAIN = (1_000, 2_000, 3_000)
BARE_S = 8
OURS = (*PLAIN, 5_000, 15_000, 20_000)
TOGETHER = (15_000, 25_000, 30_000)
SETTLE_S, WINDOW_S = 6.0, 8.0
RATE, LATENCY_S = 200, 20
ROUNDS = 3
PATIENT = ("--max-slip-ms", "inf", "--max-stall-ms", "inf", "--max-pool-wait-ms", "inf", "--max-cpu-percent", "inf")


@contextmanager
def server() -> Iterator[int]:
    """Yield the port of a server of the pattern."""
    port = free_port()
    command = [sys.executable, str(HERE / "pattern_server.py"), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def locust(
    scenario: str, port: int, *arguments: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield a running locust and the folder of its report."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "locust", "-f", str(HERE / "scenarios" / f"{scenario}.py"), "--headless"]
        command += ["--host", f"http://127.0.0.1:{port}", "--only-summary", *arguments]
        if scenario != "plain":
            command += ["--report-dir", folder, "--gates", "none", "--audit", "off"]
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=(Path(folder) / "err").open("w"),
            text=True,
            # An operation before the load would have to end, and those that are held do not.
            env={**os.environ, "DURABLE_HARNESS_NO_PREFLIGHT": "true", **environment, "SLIPS": f"{folder}/slips.json"},
        )
        try:
            yield process, Path(folder)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def counts(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts") as answer:
        reported: dict[str, int] = json.load(answer)
        return reported


def window(pid: int, port: int) -> dict[str, float]:
    """Measure a generator in full swing."""
    pids = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    before, cpu_before, began = counts(port), sum(map(cpu_s, pids)), time.perf_counter()
    time.sleep(WINDOW_S)
    after, cpu_after, ended = counts(port), sum(map(cpu_s, pids)), time.perf_counter()
    requests = after["requests"] - before["requests"]
    return {
        "polls_per_s": requests / (ended - began),
        "cpu_us": 1e6 * (cpu_after - cpu_before) / requests,
        "cpu_percent": 100 * (cpu_after - cpu_before) / (ended - began),
        "connects_per_request": (after["connections"] - before["connections"] - 1) / requests,
        "memory_mb": sum(map(resident_kb, pids)) / 1024,
    }


def finish(process: subprocess.Popen[str]) -> None:
    # Not Ctrl-C: Python raises it in whichever greenlet runs, and a plain user would swallow it.
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


def until_busy(port: int, polls: int) -> None:
    """Wait until the polls have come, and a little longer."""
    give_up_at = time.monotonic() + 60
    while counts(port)["requests"] < polls and time.monotonic() < give_up_at:
        time.sleep(0.2)
    time.sleep(SETTLE_S)


def ours(held: int, processes: int = 1) -> dict[str, Any]:
    several = () if processes == 1 else ("-u", str(processes), "-r", str(processes), *_forked(processes))
    arguments = (*several, "--poll-interval", "1", "--operation-duration", "100000", "--operation-timeout", "100000")
    with (
        server() as port,
        locust(
            "held",
            port,
            *(*arguments, "--drain-timeout", "0", "--warm-up", "9", *PATIENT),
            HELD=str(held // processes),
            HOLDERS=str(processes),
        ) as running,
    ):
        process, folder = running
        until_busy(port, held)
        figures = window(process.pid, port)
        finish(process)
        generator = json.loads((folder / "summary.json").read_text())["generator"]
    reported = {"slip_p99_ms": generator["poll_slip_ms"]["p99"], "stall_ms": generator["loop_lag_ms"]["max"]}
    return {"who": "ours" if processes == 1 else f"{processes} of ours", "in_flight": held, **reported, **figures}


def plain(users: int) -> dict[str, Any]:
    with server() as port, locust("plain", port, "-u", str(users), "-r", str(users)) as (process, folder):
        until_busy(port, users)
        figures = window(process.pid, port)
        finish(process)
        slip = json.loads((folder / "slips.json").read_text())["p99"]
    return {"who": "FastHttpUser", "in_flight": users, "slip_p99_ms": slip, **figures}


def show(rows: list[dict[str, Any]]) -> None:
    columns = (
        ("polls_per_s", "polls/s", ",.0f"),
        ("cpu_us", "CPU us", ".1f"),
        ("cpu_percent", "CPU %", ".0f"),
        ("slip_p99_ms", "slip p99", ".2f"),
        ("connects_per_request", "connects", ".3f"),
        ("memory_mb", "MB", ".0f"),
    )
    print(f"{'':14}{'in flight':>10}" + "".join(f"{title:>10}" for _, title, _ in columns))
    for row in rows:
        cells = (format(row[key], form) if key in row else "" for key, _, form in columns)
        print(f"{row['who']:14}{row['in_flight']:>10,}" + "".join(f"{cell:>10}" for cell in cells), flush=True)


def bare(program: Path, rate: int) -> dict[str, Any]:
    """Run as many requests with the C client: no client needs less on this machine."""
    with server() as port:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(program), str(port), str(rate), str(rate * BARE_S)], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"who": "C client", "in_flight": rate, "cpu_us": 1e6 * (_cpu(after) - _cpu(before)) / (rate * BARE_S)}


def in_flight() -> dict[str, Any]:
    """Medians over rounds, and each generator has a turn in each round: CPU times vary by a third between turns."""
    turns = [(plain, held) for held in PLAIN] + [(ours, held) for held in OURS]
    with tempfile.TemporaryDirectory() as folder:
        program = reference(folder)
        if program is not None:
            turns += [(functools.partial(bare, program), rate) for rate in PLAIN]
        rounds = [[measure(count) for measure, count in turns] for _ in range(ROUNDS)]
    rows = [_median_row(one) for one in zip(*rounds, strict=True)]
    show(rows)
    cpu_us = {(row["who"], row["in_flight"]): row["cpu_us"] for row in rows}
    best = min(cpu_us["FastHttpUser", users] for users in PLAIN)
    same = {held: cpu_us["ours", held] / cpu_us["FastHttpUser", held] for held in PLAIN}
    ratios = {held: cpu_us["ours", held] / best for held in OURS}
    print("CPU per poll, of a plain FastHttpUser's with as many in flight:", _rounded(same))
    print("CPU per poll, of a plain FastHttpUser's where that is least:", _rounded(ratios))
    return {"rows": rows, "of_the_same": same, "of_the_best": ratios}


def _median_row(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    reported = {key: value for key, value in rows[0].items() if key in ("who", "in_flight")}
    return {**reported, **{key: statistics.median(row[key] for row in rows) for key in rows[0] if key not in reported}}


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def cliff() -> dict[str, Any]:
    rows = [plain(900), plain(1_100), ours(900), ours(1_100)]
    show(rows)
    return {"rows": rows}


def reference(folder: str) -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    program = Path(folder) / "reference_client"
    subprocess.run([compiler, "-O2", "-o", str(program), str(HERE / "reference_client.c")], check=True)
    return program


def latency() -> dict[str, Any]:
    """Compare, round by round, the median over rounds of each percentile."""
    with tempfile.TemporaryDirectory() as folder, server() as port:
        program = reference(folder)
        if program is None:
            print("latency: no C compiler (cc or gcc): there is nothing to compare with")
            return {}
        theirs, mine = [], []
        for _ in range(ROUNDS):
            command = [str(program), str(port), str(RATE), str(RATE * LATENCY_S)]
            theirs.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
            mine.append(request_latency(port))
    figures = {
        name: {key: statistics.median(one[key] for one in rounds) for key in ("p50_ms", "p99_ms", "max_ms")}
        for name, rounds in (("C", theirs), ("ours", mine))
    }
    for name, row in figures.items():
        print(f"{name:6}{_rounded(row)}", flush=True)
    return figures


def request_latency(port: int) -> dict[str, float]:
    """Return what starts took from their intended moment, by the records that the run left."""
    _, table = short_run(port, "--rate", str(RATE), "-t", f"{LATENCY_S + 2}s", "--warm-up", "2")
    took_ms = sorted(
        1000 * (accepted - intended)
        for accepted, intended in zip(table["accepted_s"].to_pylist(), table["intended_s"].to_pylist(), strict=True)
    )
    return {"p50_ms": _percentile(took_ms, 50), "p99_ms": _percentile(took_ms, 99), "max_ms": took_ms[-1]}


def short_run(port: int, *arguments: str) -> tuple[dict[str, Any], Any]:
    fixed = ("--operation-duration", "0", "--poll-interval", "0.5", "--seed", "7", *PATIENT)
    with locust("short", port, *fixed, *arguments) as (process, folder):
        process.wait(timeout=120)
        if not (folder / "summary.json").exists():
            raise SystemExit((folder / "err").read_text())
        summary = json.loads((folder / "summary.json").read_text())
        table = pq.read_table([str(path) for path in (folder / "operations").glob("*.parquet")])
    return summary, table


def processes() -> dict[str, Any]:
    """One process and two, in turn: the same seed, rate and work; percentiles of the completion time."""
    runs: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
    with server() as port:
        for _ in range(ROUNDS):
            for count, measured in runs.items():
                measured.append(completions(port, () if count == "1" else _forked(int(count))))
    medians = {
        count: {key: statistics.median(one[key] for one in rounds) for key in ("p50", "p90", "p95", "p99")}
        for count, rounds in runs.items()
    }
    ratios = {key: medians["2"][key] / medians["1"][key] for key in medians["1"]}
    print("completion ms, one process: ", _rounded(medians["1"]))
    print("completion ms, two:         ", _rounded(medians["2"]))
    print("two / one:                  ", _rounded(ratios), flush=True)
    return {"medians": medians, "ratios": ratios}


def completions(port: int, extra: tuple[str, ...]) -> dict[str, float]:
    arguments = ("--operation-duration", "0.2-1.0", "--poll-interval", "0.1", "--rate", str(RATE), "-t", "15s")
    summary, _ = short_run(port, *arguments, *extra)
    completion: dict[str, float] = summary["latencies"]["completion_ms"]
    return completion


def _forked(processes: int) -> tuple[str, ...]:
    """Return the arguments of a run by some processes, whose master has a port of its own."""
    bind = str(free_port())
    ports = ("--master-bind-host", "127.0.0.1", "--master-bind-port", bind, "--master-port", bind)
    return ("--processes", str(processes), *ports)


def together() -> dict[str, Any]:
    """Medians over rounds of what two processes hold: all of it is polled each second, and hardly late."""
    rows = [_median_row([ours(held, 2) for _ in range(ROUNDS)]) for held in TOGETHER]
    show(rows)
    kept_up = {row["in_flight"]: row["polls_per_s"] / row["in_flight"] for row in rows}
    print("polls a second of an operation:", _rounded(kept_up))
    return {"rows": rows, "polls_per_s_of_each": kept_up}


def _percentile(values: list[float], percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def _rounded(figures: Mapping[Any, float]) -> str:
    return ", ".join(f"{key} {value:.3f}" for key, value in figures.items())


SECTIONS = {"in-flight": in_flight, "cliff": cliff, "latency": latency, "processes": processes, "together": together}


def main() -> None:
    names = sys.argv[1:] or list(SECTIONS)
    if unknown := set(names) - set(SECTIONS):
        raise SystemExit(f"unknown section {', '.join(sorted(unknown))}: expected {', '.join(SECTIONS)}")
    known: dict[str, Any] = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    for name in names:
        print(f"== {name}", flush=True)
        known[name] = SECTIONS[name]()
        OUTPUT.parent.mkdir(exist_ok=True)
        OUTPUT.write_text(json.dumps(known, indent=2))


if __name__ == "__main__":
    main()
