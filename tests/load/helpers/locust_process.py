"""A real locust process, and how it ended."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from patience import PATIENT

SCENARIOS = Path(__file__).parent / "scenarios" / "quick"
RUN_TIMEOUT_S = 60.0
NO_PREFLIGHT = "DURABLE_HARNESS_NO_PREFLIGHT"
"""Set for runs whose requests are counted, which an operation before them would be one of."""


def headless(stub):
    """Return the arguments of a small headless run against a stub server that lasts until something ends it."""
    return ["--headless", "--host", stub.url, "-u", "4", "-r", "50", "--poll-interval", "0.05"]


@dataclass
class Outcome:
    """How a locust process ended, and what it left."""

    code: int
    out: str
    err: str
    report_dir: Path

    @property
    def summary(self):
        """The JSON report."""
        return json.loads((self.report_dir / "summary.json").read_text())

    @property
    def operations(self):
        """The JSON report's counts that are not zero; any other is zero."""
        return Counter({name: count for name, count in self.summary["operations"].items() if count})


class Locust:
    """One locust process in a process group of its own, as a terminal would start it; its output is collected."""

    def __init__(self, arguments, report_dir, cwd):
        self.report_dir = report_dir
        command = [sys.executable, "-m", "locust", "--only-summary", "--report-dir", str(report_dir), *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            start_new_session=True,
            env={**PATIENT, NO_PREFLIGHT: "true", **os.environ},
        )
        self._texts = {"out": [], "err": []}
        self._readers = [
            threading.Thread(target=self._collect, args=(name, stream))
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _collect(self, name, stream):
        self._texts[name].extend(iter(stream.readline, ""))

    @property
    def out(self):
        """What it wrote to standard output so far."""
        return "".join(self._texts["out"])

    @property
    def err(self):
        """What it wrote to standard error so far."""
        return "".join(self._texts["err"])

    def press_ctrl_c(self):
        """Send SIGINT to the whole group, as a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def children(self):
        """Return the processes that it started and that still run."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait(self):
        """Wait for its end and return how it ended."""
        try:
            code = self.process.wait(timeout=RUN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"locust did not end in {RUN_TIMEOUT_S:g} s:\n{self.out}\n{self.err}")
        self.close()
        return Outcome(code, self.out, self.err, self.report_dir)

    def kill(self):
        """End the whole group for certain."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def close(self):
        """Collect the rest of the output."""
        for reader in self._readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
