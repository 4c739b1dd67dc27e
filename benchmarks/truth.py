"""One server that stands still for some seconds, loaded by several tools: who reports what.

    python benchmarks/truth.py

The truth comes from the schedule and from the server: operations are due at a fixed rate, and the server shows when it
stood still. From both follows how long each operation takes, whatever a tool does. Two traps are shown: the time until
the 202 is not the time until the work is done, and a tool whose users wait for answers sends less while the server
hangs, so that it measures few of the slow operations (coordinated omission).

Tools that are not installed are named and left out. Figures go to the terminal and to build/truth.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from processes import free_port

HERE = Path(__file__).parent
PARTS = HERE / "stalling"
OUTPUT = HERE.parent / "build" / "truth.json"
PERCENTS = (50, 90, 95, 99, 100)
COLUMNS = ("p50", "p90", "p95", "p99", "max")
START, COMPLETION = "start", "completion"


@dataclass(frozen=True)
class Load:
    """What every tool is asked for, and how the server behaves; times in seconds."""

    rate: int
    run_time_s: int
    after_s: float
    stall_s: float
    work_s: float


@dataclass(frozen=True)
class Row:
    """The value of one figure by one source; `figures_ms` are the percentiles of COLUMNS."""

    source: str
    figure: str
    operations: int
    figures_ms: tuple[float, ...]


@dataclass(frozen=True)
class Target:
    """The server of one run."""

    url: str
    load: Load
    folder: Path

    def stall_s(self) -> tuple[float, float]:
        """Return when the server stood still, in seconds since the first start."""
        with urllib.request.urlopen(f"{self.url}/stall") as answer:
            stall = json.load(answer)
        if stall["ended_s"] is None:
            raise SystemExit("the server has not stood still: make --run-time longer than --after")
        return stall["began_s"], stall["ended_s"]


@contextmanager
def server(load: Load) -> Iterator[Target]:
    """Yield a fresh server: each tool meets the same stall."""
    port = free_port()
    numbers = [str(number) for number in (load.after_s, load.stall_s, load.work_s)]
    command = [sys.executable, str(PARTS / "server.py"), str(port), *numbers]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield Target(f"http://127.0.0.1:{port}", load, Path(folder))
        finally:
            process.kill()


def percentiles(values_ms: Sequence[float]) -> tuple[float, ...]:
    """Return the percentiles of COLUMNS by the nearest rank."""
    ordered = sorted(values_ms)
    return tuple(ordered[math.ceil(percent / 100 * len(ordered)) - 1] for percent in PERCENTS)


def truth(load: Load, stall: tuple[float, float]) -> list[Row]:
    """Return how long the operations of the schedule take with this stall."""
    due_s = [number / load.rate for number in range(load.rate * load.run_time_s)]
    starts_s = [_answered(due, stall) - due for due in due_s]
    ends_s = [_answered(due + start + load.work_s, stall) - due for due, start in zip(due_s, starts_s, strict=True)]
    return [
        Row("truth", figure, len(due_s), percentiles([1000 * second for second in seconds]))
        for figure, seconds in ((START, starts_s), (COMPLETION, ends_s))
    ]


def _answered(asked_s: float, stall: tuple[float, float]) -> float:
    began_s, ended_s = stall
    return ended_s if began_s <= asked_s < ended_s else asked_s


def run(command: Sequence[str], **environment: str) -> str:
    """Run a tool and return its output; what it complains of ends the benchmark."""
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def ours(target: Target) -> list[Row]:
    """Load the server by this project's own scenario `Steady`."""
    scenario = HERE.parent / "loadtests" / "steady.py"
    words = ["-f", str(scenario), "--headless", "--only-summary", "--host", target.url, "Steady"]
    words += ["--run-time", str(target.load.run_time_s), "--rate", str(target.load.rate)]
    words += ["--service", str(PARTS / "service.toml"), "--report-dir", str(target.folder)]
    words += ["--gates", "none", "--audit", "off", "--no-preflight"]
    run([sys.executable, "-m", "locust", *words])
    return [_ours(target, figure) for figure in (START, COMPLETION)]


def _ours(target: Target, figure: str) -> Row:
    found = json.loads((target.folder / "summary.json").read_text())["latencies"][f"{figure}_ms"]
    return Row("durable-harness", figure, found["count"], tuple(found[column] for column in COLUMNS))


def plain_locust(target: Target) -> list[Row]:
    """Load it by plain Locust users, one for each operation a second, spawned so that they take turns."""
    users = str(target.load.rate)
    prefix = target.folder / "plain"
    words = ["-f", str(PARTS / "plain_locust.py"), "--headless", "--only-summary", "--host", target.url]
    words += ["-u", users, "-r", users, "--run-time", str(target.load.run_time_s), "--csv", str(prefix)]
    # An operation that is under way may end.
    run([sys.executable, "-m", "locust", *words, "--stop-timeout", "30"])
    with Path(f"{prefix}_stats.csv").open() as lines:
        rows = {row["Name"]: row for row in csv.DictReader(lines)}
    return [_plain(rows[figure], figure) for figure in (START, COMPLETION)]


def _plain(row: dict[str, str], figure: str) -> Row:
    figures = tuple(float(row[column]) for column in ("50%", "90%", "95%", "99%", "100%"))
    return Row("plain Locust", figure, int(row["Request Count"]), figures)


def hey(target: Target) -> list[Row]:
    """Load it by hey, which knows requests and no operations: the time until the 202 is all that it can measure."""
    words = ["-z", f"{target.load.run_time_s}s", "-c", str(target.load.rate), "-q", "1", "-m", "POST", "-o", "csv"]
    lines = csv.DictReader(run(["hey", *words, f"{target.url}/operations"]).splitlines())
    times_ms = [1000 * float(line["response-time"]) for line in lines]
    return [Row("hey", START, len(times_ms), percentiles(times_ms))]


def k6(target: Target) -> list[Row]:
    """Load it by k6's executor of a constant arrival rate, with polls."""
    summary = target.folder / "k6.json"
    values = {"HOST": target.url, "RATE": str(target.load.rate), "RUN_TIME": str(target.load.run_time_s)}
    run(["k6", "run", "--quiet", str(PARTS / "k6.js")], SUMMARY=str(summary), **values)
    return read_k6(json.loads(summary.read_text()))


def read_k6(summary: dict[str, Any]) -> list[Row]:
    """Return the rows of the summary that the script k6.js writes."""
    rows = []
    for figure in (START, COMPLETION):
        values = summary["metrics"][figure]["values"]
        figures = tuple(values[name] for name in ("med", "p(90)", "p(95)", "p(99)", "max"))
        rows.append(Row("k6", figure, int(values["count"]), figures))
    return rows


TOOLS: dict[str, tuple[Callable[[Target], list[Row]], str | None]] = {
    "durable-harness": (ours, None),
    "plain Locust": (plain_locust, None),
    "hey": (hey, "hey"),
    "k6": (k6, "k6"),
}
"""How each tool loads the server, and the program that it needs."""


def measure(load: Load, tools: Sequence[str] = tuple(TOOLS)) -> list[Row]:
    """Return the rows of the tools that are here, below those of the truth."""
    rows: list[Row] = []
    for name in tools:
        use, program = TOOLS[name]
        if program and not shutil.which(program):
            print(f"{name} is not installed: left out", flush=True)
            continue
        print(f"{name} loads the server for {load.run_time_s} s", flush=True)
        with server(load) as target:
            found = use(target)
            # The stalls of all servers are alike to a few milliseconds.
            rows += [] if rows else truth(load, target.stall_s())
            rows += found
    return rows


VERSIONS = {"hey": ("dpkg-query", "-W", "-f", "${Version}", "hey"), "k6": ("k6", "version")}
"""What prints the version of a tool; hey itself does not print it."""


def _version(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "not known"


def surroundings() -> dict[str, str]:
    """Return what a figure depends on: date, machine, versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.platform()}",
        "python": platform.python_version(),
        "locust": version("locust"),
        "durable-harness": version("durable-harness"),
        **{name: _version(command) for name, command in VERSIONS.items() if shutil.which(name)},
    }


def show(rows: Sequence[Row], figure: str) -> None:
    print(f"\n{figure + ', ms':<18}{'operations':>11}" + "".join(f"{column:>9}" for column in COLUMNS))
    for row in rows:
        if row.figure == figure:
            print(f"{row.source:<18}{row.operations:>11,}" + "".join(f"{value:>9,.0f}" for value in row.figures_ms))


def read_command(words: Sequence[str] | None = None) -> tuple[Load, list[str]]:
    """Return what is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=20, help="operations a second (%(default)s)")
    parser.add_argument("--run-time", type=int, default=60, help="seconds of load (%(default)s)")
    parser.add_argument("--after", type=float, default=20, help="seconds until the server stands still (%(default)s)")
    parser.add_argument("--stall", type=float, default=5, help="seconds that it stands still (%(default)s)")
    parser.add_argument("--work", type=float, default=0.3, help="seconds of work of an operation (%(default)s)")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=[*TOOLS], metavar="TOOL", help="(all)")
    chosen = parser.parse_args(words)
    if chosen.after + chosen.stall >= chosen.run_time:
        parser.error("the stall must end within the run: make --run-time longer than --after and --stall together")
    return Load(chosen.rate, chosen.run_time, chosen.after, chosen.stall, chosen.work), chosen.tools


def main() -> None:
    load, tools = read_command()
    rows = measure(load, tools)
    for figure in (START, COMPLETION):
        show(rows, figure)
    OUTPUT.parent.mkdir(exist_ok=True)
    known = {"surroundings": surroundings(), "load": asdict(load), "rows": [asdict(row) for row in rows]}
    OUTPUT.write_text(json.dumps(known, indent=2))


if __name__ == "__main__":
    main()
