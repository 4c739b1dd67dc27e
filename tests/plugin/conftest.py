"""Runs of pytest within tests, with the plugin under test and with nothing of this repository's own conftest."""

import contextlib
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from durable_harness.errors import StackUnavailableError
from durable_harness.stack import emulator

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
RUN_TIMEOUT_S = 60.0
GONE_TIMEOUT_S = 15.0
PLUGIN = ("-p", "durable_harness.pytest_plugin")
XDIST = ("-p", "xdist")
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


class Outcome:
    """How a run of pytest ended: its exit code, its output, and how each of its tests fared."""

    def __init__(self, code, output, report):
        self.code, self.output = code, output
        cases = ET.parse(report).getroot().iter("testcase") if report.exists() else ()
        self.cases = {case.get("name"): case for case in cases}

    def failure(self, name):
        """Return the report of a failed test, as pytest prints it."""
        return self._text_of(name, "failure")

    def error(self, name):
        """Return the report of a test that could not be set up."""
        return self._text_of(name, "error")

    def skip_reason(self, name):
        """Return why a test was skipped."""
        return self.cases[name].find("skipped").get("message")

    def stacks(self):
        """Return the stacks that the report shows tests ran on."""
        properties = (found for case in self.cases.values() for found in case.iter("property"))
        return {found.get("value") for found in properties if found.get("name") == "durable_stack"}

    def count(self, *kinds):
        """Return how many tests were `failure`, `error` or `skipped`."""
        return sum(any(case.find(kind) is not None for kind in kinds) for case in self.cases.values())

    def _text_of(self, name, kind):
        found = self.cases[name].find(kind)
        assert found is not None, f"{name} has no {kind}:\n{self.output}"
        return found.text


class InnerPytest:
    """A folder with test files, and pytest in a process of its own on it. Its temporary files are there too."""

    def __init__(self, folder):
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.pid = None
        (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")

    def write(self, name, text):
        """Write a file of the folder."""
        (self.folder / name).write_text(text)
        return self

    def run(self, *arguments, env=None):
        """Run pytest and return how it ended."""
        report = self.folder / "report.xml"
        words = [sys.executable, "-m", "pytest", *PLUGIN, *(XDIST if "-n" in arguments else ())]
        words += [
            "-p",
            "no:cacheprovider",
            "-rs",
            f"--basetemp={self.folder / 'basetemp'}",
            f"--junitxml={report}",
            *map(str, arguments),
        ]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
        environment = {**inherited, **ALONE, "TMPDIR": str(self.temporary), **(env or {})}
        with subprocess.Popen(
            words, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            self.pid = process.pid
            try:
                output, _ = process.communicate(timeout=RUN_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                pytest.fail(f"pytest did not end: {process.communicate()[0]}")
        return Outcome(process.returncode, output, report)


@pytest.fixture
def inner(tmp_path):
    """Return a folder in which pytest runs in a process of its own."""
    return InnerPytest(tmp_path)


@pytest.fixture
def plugin(monkeypatch):
    """Return the arguments that make a pytest of this test load the plugin, and no other that is installed."""
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    return PLUGIN


@dataclass(frozen=True)
class Pattern:
    """The tests of the pattern as text, how many they are, and the app that they test."""

    text: str
    tests: int
    app_dir: Path


@pytest.fixture(scope="session")
def pattern():
    """Return the tests of the pattern, to run them unchanged on another stack."""
    text = (HERE / "test_pattern.py").read_text()
    return Pattern(text, text.count("\ndef test_"), REPOSITORY)


class Processes:
    """The processes of this machine, distinguished by what their command line or environment names."""

    @staticmethod
    def naming(*folders):
        """Return the command lines of the processes that name one of the folders."""
        wanted = [str(folder).encode() for folder in folders]
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                try:
                    words = (process / "cmdline").read_bytes()
                    known = words + (process / "environ").read_bytes()
                except OSError:
                    continue
                if any(folder in known for folder in wanted):
                    found.append(words.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def wait_until_gone(self, *folders):
        """Return once no process names the folders; fail, naming them, if they stay."""
        deadline = time.monotonic() + GONE_TIMEOUT_S
        while found := self.naming(*folders):
            if time.monotonic() > deadline:
                pytest.fail(f"still running: {found}")
            time.sleep(0.05)


@pytest.fixture(scope="session")
def processes_of():
    """Return the processes that name a folder."""
    return Processes()


@pytest.fixture(scope="session")
def new_inner():
    """Return the making of such a folder, for fixtures that share one run."""
    return InnerPytest


@pytest.fixture(scope="session")
def docker(pytestconfig):
    """Yield the Docker client, if it can run the emulator's image; else skip, or fail where that is required."""
    image = os.environ.get(emulator.IMAGE_VARIABLE) or emulator.IMAGE
    with contextlib.ExitStack() as exits:
        try:
            client = exits.enter_context(emulator._docker())
            problem = "" if client.images.list(image) else f"the image {image} is not here; pull it"
        except StackUnavailableError as error:
            problem = str(error)
        if problem and (pytestconfig.getoption("--require-emulator", default=False) or os.environ.get("CI") == "true"):
            pytest.fail(f"the emulator is required here and cannot run: {problem}", pytrace=False)
        if problem:
            pytest.skip(f"the emulator cannot run here: {problem}")
        yield client
