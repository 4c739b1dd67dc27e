"""How many calls of our own code one operation takes, and how often the reader of a trace has to change the file.

    python benchmarks/way_of_an_operation.py [APP] [--operations 9] [--calls]

A host with the embedded scheduler serves the sample app in this process, and is warm. One operation is the start, all
that follows until nothing is left to do (the rows of the instance are written too), and one poll that sees its end:

    start    POST -> 202; the first turn begins meanwhile
    finish   the turns and the activity, until the end of the instance is stored
    poll     GET of the status URL

Each function of `src/durable_harness` and of the app counts each time it is entered, on any thread. A generator or a
coroutine counts once, however often it is resumed. Comprehensions and generator expressions are parts of their
functions. A change of file is a call of a function that is in another file than the function called before it. Each
figure is the median of the operations. `--calls` lists the calls of the last operation in their order.

Counted in this way, an operation took 487 calls and 288 changes of file at revision d7ae18f, before logs, traces,
timings and checks of malformed requests came.

The figures go to the terminal and build/way-of-an-operation.json.
"""

from __future__ import annotations

import argparse
import contextlib
import dis
import itertools
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from types import CodeType, FrameType

import durable_harness
from durable_harness.cli import main as durable_harness_command
from processes import free_port

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "build" / "way-of-an-operation.json"
WARM_UP = 3
QUIET_S = 0.4
"""An operation has ended when no call came for this long: rows in memory are written 0.1 s after a change."""
PHASES = ("start", "finish", "poll")
PARTS_OF_FUNCTIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})

Call = tuple[str, str, int]
"""File, function and line of a call."""


class Recorder:
    """Notes each call of our own code, on every thread that begins after `install`."""

    def __init__(self, folders: tuple[str, ...]) -> None:
        self.calls: list[Call] = []
        self.latest_s = time.monotonic()
        self._folders = folders
        self._own: dict[CodeType, tuple[Call, int] | None] = {}

    def install(self) -> None:
        threading.setprofile(self._profiled)
        sys.setprofile(self._profiled)

    def _profiled(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self._own:
            self._own[code] = self._place(code)
        own = self._own[code]
        if own is not None and frame.f_lasti <= own[1]:
            self.calls.append(own[0])
            self.latest_s = time.monotonic()

    def _place(self, code: CodeType) -> tuple[Call, int] | None:
        """Return the function of some code and the offset of its beginning, None if it is not one of ours."""
        is_installed = "site-packages" in code.co_filename  # the app's folder may have its packages in it
        if not code.co_filename.startswith(self._folders) or is_installed or code.co_name in PARTS_OF_FUNCTIONS:
            return None
        # The first RESUME is the beginning; the others are where a generator or a coroutine continues.
        begin = next(step.offset for step in dis.get_instructions(code) if step.opname == "RESUME")
        return (code.co_filename, code.co_name, code.co_firstlineno), begin

    def take(self) -> list[Call]:
        calls, self.calls = self.calls, []
        return calls

    def wait_until_quiet(self) -> None:
        while (quiet_s := time.monotonic() - self.latest_s) < QUIET_S:
            time.sleep(QUIET_S - quiet_s)


def figures_of(calls: list[Call]) -> dict[str, int]:
    """Return what is counted of some calls."""
    changes = sum(before[0] != call[0] for before, call in itertools.pairwise(calls))
    return {"calls": len(calls), "functions": len(set(calls)), "files": len({c[0] for c in calls}), "changes": changes}


def one_operation(recorder: Recorder, base_url: str) -> dict[str, list[Call]]:
    """Run an operation and return its calls by phase."""
    recorder.wait_until_quiet()
    recorder.take()
    body = json.dumps({"duration": 0.01}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{base_url}/api/async_http_api", body)) as answer:
        status_url = json.load(answer)["statusQueryGetUri"]
    start = recorder.take()
    recorder.wait_until_quiet()
    finish = recorder.take()
    with urllib.request.urlopen(status_url) as answer:
        status = json.load(answer)["runtimeStatus"]
    recorder.wait_until_quiet()
    assert status == "Completed", status
    return dict(zip(PHASES, (start, finish, recorder.take()), strict=True))


def drive(recorder: Recorder, ready_file: Path, count: int, operations: list[dict[str, list[Call]]]) -> None:
    """Run the operations against the host of this process, then end it."""
    try:
        while not ready_file.exists():
            time.sleep(0.05)
        base_url = json.loads(ready_file.read_text())["baseUrl"]
        made = [one_operation(recorder, base_url) for _ in range(WARM_UP + count)]
        operations += made[WARM_UP:]
    finally:
        os.kill(os.getpid(), signal.SIGINT)


def serve_and_count(app: Path, count: int) -> list[dict[str, list[Call]]]:
    """Return the calls of some warm operations of an app."""
    operations: list[dict[str, list[Call]]] = []
    recorder = Recorder((str(Path(durable_harness.__file__).parent) + os.sep, str(app.resolve()) + os.sep))
    with tempfile.TemporaryDirectory() as folder:
        ready_file = Path(folder) / "ready.json"
        driver = threading.Thread(target=drive, args=(recorder, ready_file, count, operations))
        driver.start()  # before recording begins: its own calls are no part of an operation
        recorder.install()
        arguments = ["--script-root", str(app), "--port", str(free_port()), "--ready-file", str(ready_file)]
        with contextlib.suppress(SystemExit, KeyboardInterrupt):
            durable_harness_command(["serve", *arguments])
        driver.join()
    return operations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("app", nargs="?", type=Path, default=ROOT)
    parser.add_argument("--operations", type=int, default=9)
    parser.add_argument("--calls", action="store_true")
    options = parser.parse_args()
    operations = serve_and_count(options.app, options.operations)
    rows: dict[str, dict[str, float]] = {}
    for phase in (*PHASES, "whole operation"):
        parts = [phase] if phase in PHASES else PHASES
        counted = [figures_of([call for part in parts for call in operation[part]]) for operation in operations]
        rows[phase] = {name: statistics.median(one[name] for one in counted) for name in counted[0]}
    if options.calls:
        for phase, calls in operations[-1].items():
            for file, function, line in calls:
                print(f"{phase:7} {Path(file).as_posix().rpartition('/durable_harness/')[2]}:{line} {function}")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=2) + "\n")
    for phase, row in rows.items():
        print(f"{phase:16}" + "".join(f"{name} {value:5.0f}   " for name, value in row.items()))


if __name__ == "__main__":
    main()
