"""Processes to which this platform is shown as another one: tests/platforms/shown."""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import durable_harness
from platform_names import MODULES, ONLY_POSIX, missing_names

ROOT = Path(__file__).parents[2]
SOURCE = Path(durable_harness.__file__).parents[1]
END_TIMEOUT_S = 60.0
ASKED_TO_END = signal.SIGUSR1
"""What stands for Ctrl-Break."""


class Shown:
    """Starts processes that are shown another platform. Files in `folder` have the rules of Windows if that is it."""

    def __init__(self, folder, exits, platform):
        is_windows = platform == "win32"
        self.folder = folder
        self.encoding = "cp1252" if is_windows else "utf-8"
        self._exits = exits
        wanted = {
            "own": [str(SOURCE / "durable_harness"), str(ROOT / "loadtests")],
            "platform": platform,
            "controlled": [f"{folder}{os.sep}"] if is_windows else [],
            "blocked": ONLY_POSIX if is_windows else (),
            "absent": {module: sorted(missing_names(platform, module)) for module in MODULES},
        }
        self.environment = {
            **os.environ,
            "AS_WINDOWS": json.dumps(wanted),
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "shown"), str(SOURCE)]),
            "PYTHONIOENCODING": self.encoding,
            "TMPDIR": str(folder),
        }

    def run(self, *words, **variables):
        """Run Python to its end; its output is text in the encoding of a pipe on Windows."""
        return subprocess.run(
            [sys.executable, *map(str, words)],
            env=self.environment | variables,
            cwd=self.folder,
            capture_output=True,
            encoding=self.encoding,
            timeout=END_TIMEOUT_S,
            check=False,
        )

    def harness(self, *words, **variables):
        """Run `durable-harness WORDS…` to its end."""
        return self.run("-m", "durable_harness", *words, **variables)

    def start(self, *words, name="process"):
        """Start Python; it is killed at the end of the test if it still runs."""
        output = self._exits.enter_context((self.folder / f"{name}.log").open("ab"))
        process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            env=self.environment,
            cwd=self.folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        self._exits.callback(process.wait)
        self._exits.callback(process.kill)
        return process

    def log(self, name="process"):
        """Return what a process has printed."""
        return (self.folder / f"{name}.log").read_text(self.encoding)

    @contextmanager
    def service(self, *words, wait_until, by=ASKED_TO_END):
        """Run a service until the block ends; Ctrl-Break or another signal then ends it, with 0. Gives its facts."""
        ready = self.folder / "ready.json"
        process = self.start("-m", "durable_harness", *words, "--ready-file", ready, name=words[0])
        wait_until(lambda: ready.exists() or process.poll() is not None, f"{words[0]} to be ready")
        assert ready.exists(), self.log(words[0])
        facts = json.loads(ready.read_text(encoding="utf-8"))
        ready.unlink()
        yield {**facts, "process": process}
        if process.poll() is None:
            ask_to_end(process, by)
            assert process.wait(END_TIMEOUT_S) == 0, self.log(words[0])


def ask_to_end(process, by=ASKED_TO_END):
    """Press Ctrl-Break: every process of the group gets it."""
    os.killpg(process.pid, by)


@pytest.fixture(name="ask_to_end")
def ask_to_end_fixture():
    """Return the pressing of Ctrl-Break."""
    return ask_to_end


@pytest.fixture
def as_windows(tmp_path):
    """Yield the start of processes that are shown Windows."""
    with ExitStack() as exits:
        yield Shown(tmp_path, exits, "win32")


@pytest.fixture
def as_macos(tmp_path):
    """Yield the start of processes that are shown macOS."""
    with ExitStack() as exits:
        yield Shown(tmp_path, exits, "darwin")
