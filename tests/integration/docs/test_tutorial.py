"""The tutorial is followed in an empty folder: its files are written, and its commands print what it shows."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from patience import PATIENT

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
TUTORIAL = ROOT / "docs" / "tutorial"
LESSONS = ("your-first-test.md", "your-first-load-test.md", "a-gate-in-your-ci.md")
TRIPS = ROOT / "examples" / "trips"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WRITTEN = re.compile(r"Write `([^`]+)`:$")
CHANGED = "In `function_app.py`, `book_hotel` becomes:"
VARYING = re.compile(r"(?P<id>\b[0-9a-f]{8,32}\b)|(?P<figure>[+-]?\d[\d,]*(?:\.\d+)?)|(?P<rest>…)|(?P<rule>[=_.]{3,})")
STANDS_FOR = {"id": "[0-9a-f]+", "figure": r"[+-]?[\d,.]+", "rest": ".*", "rule": ".*"}
# On a busy machine an activity that does next to nothing takes so long that it is named too.
OTHERS_TOO = re.compile(r"[\d,.]+ ms: ('\w+' [\d,.]+ ms)(, '\w+' [\d,.]+ ms)+\)")
ENDS = re.compile(r"# ends with (\d+)$")
CANNOT_TELL = 3
# The environment is that of this test run, and limits of time are for a machine that does nothing else.
NOT_RUN = re.compile(r"(python3 -m venv|\. \.venv|pip install|pip wheel)")
SHORTER = [("--run-time 30s", "--run-time 5s"), ("durable-harness ab", "durable-harness ab --pairs 14")]
PATIENT_LIMIT = ("p95 = 2_000", "p95 = 60_000")
VARIABLES = {"GIT_AUTHOR_NAME": "me", "GIT_AUTHOR_EMAIL": "me@example.com", "GIT_CONFIG_GLOBAL": os.devnull}
VARIABLES |= {"GIT_COMMITTER_NAME": "me", "GIT_COMMITTER_EMAIL": "me@example.com", "COLUMNS": "80", "NO_COLOR": "1"}


@dataclass
class Step:
    """One block of a lesson, and the line that stands before it."""

    before: str
    kind: str
    text: str


def steps(lesson):
    """Return the blocks of a lesson, in their order."""
    text = (TUTORIAL / lesson).read_text()
    return [Step(text[: found.start()].rstrip().rpartition("\n")[2], *found.groups()) for found in BLOCK.finditer(text)]


def file_of(step):
    """Return the name of the file that a block is the content of, if it is one."""
    found = WRITTEN.search(step.before)
    return found[1] if found else None


def pattern(line):
    """Return what a line of the page stands for: other figures, ids and widths are as good."""
    parts, end = [], 0
    for found in VARYING.finditer(line):
        parts += [re.escape(line[end : found.start()]), STANDS_FOR[found.lastgroup]]
        end = found.end()
    return re.compile("".join(parts) + re.escape(line[end:]))


def assert_shown(shown, printed):
    """Fail unless the lines that the page shows were printed, in this order."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for expected in filter(None, map(str.strip, shown.splitlines())):
        wanted = pattern(" ".join(expected.split()))
        found = any(wanted.search(OTHERS_TOO.sub(r"\1)", line)) for line in lines)
        assert found, f"not printed: {expected}\n\n{printed}"


class Reader:
    """Follows the tutorial in a folder: writes its files and types its commands."""

    def __init__(self, folder):
        self.folder = folder
        self.printed = ""
        self.is_conclusive = True

    def follow(self, step):
        name = file_of(step)
        if name:
            self._write(name, step.text.replace(*PATIENT_LIMIT))
        elif step.kind == "sh":
            self._run(step.text)
        elif step.before.endswith(CHANGED):
            self._change(step.text)
        elif step.kind == "yaml":
            assert step.text in (self.folder / ".github/workflows/durable-harness.yml").read_text()
        elif step.kind == "text" and self.is_conclusive:
            assert_shown(step.text, self.printed)

    def _write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _change(self, function):
        path = self.folder / "function_app.py"
        start = function.splitlines()[1]
        kept, old, _ = path.read_text().partition(f'@app.activity_trigger(input_name="city")\n{start}')
        assert old
        path.write_text(kept + function)

    def _run(self, block):
        for command in block.strip().splitlines():
            if command.startswith("cd "):
                self.folder /= command.removeprefix("cd ")
            elif not NOT_RUN.match(command):
                self._type(command)

    def _type(self, command):
        expected = int(found[1]) if (found := ENDS.search(command)) else 0
        for old, new in SHORTER:
            command = command.replace(old, new)
        environment = {**os.environ, **PATIENT, **VARIABLES, "PATH": f"{BIN}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        self.printed = done.stdout
        # A few pairs on a busy machine may not be enough for an answer, which is one as well.
        self.is_conclusive = not (" ab " in command and done.returncode == CANNOT_TELL)
        assert done.returncode == expected or not self.is_conclusive, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_the_tutorial_can_be_followed(tmp_path):
    """From an empty folder, each lesson's files and commands give what the lesson shows, and the app of examples/."""
    reader = Reader(tmp_path)
    for lesson in LESSONS:
        for step in steps(lesson):
            reader.follow(step)
    assert (reader.folder / "function_app.py").read_text() == (TRIPS / "function_app.py").read_text()


def test_the_files_of_the_tutorial_are_those_of_the_example():
    """What the lessons write, the last time if they write it twice, is in examples/trips, word for word."""
    written = {name: step.text for lesson in LESSONS for step in steps(lesson) if (name := file_of(step))}
    assert len(written) >= 9
    assert {name: (TRIPS / name).read_text() for name in written} == written


def test_the_example_has_only_files_that_the_tutorial_writes():
    """No page leads to a file in examples/trips that no lesson explains."""
    listed = subprocess.run(["git", "ls-files", "."], cwd=TRIPS, capture_output=True, text=True, check=True)
    written = {file_of(step) for lesson in LESSONS for step in steps(lesson)}
    assert set(listed.stdout.split()) <= written


def test_every_block_of_the_tutorial_is_followed():
    """No block is passed over: it is a file, commands, their output, a change, or what PowerShell has instead."""
    followed = {"sh", "text", "powershell", "yaml"}
    odd = [
        step
        for lesson in LESSONS
        for step in steps(lesson)
        if not (file_of(step) or step.kind in followed or step.before.endswith(CHANGED))
    ]
    assert odd == []
    blocks = sum((TUTORIAL / lesson).read_text().count("```") // 2 for lesson in LESSONS)
    assert blocks == sum(len(steps(lesson)) for lesson in LESSONS)


def test_the_workflow_of_the_tutorial_is_one():
    """The workflow that a reader writes is valid by GitHub's own schema."""
    workflow = TRIPS / ".github" / "workflows" / "compare.yml"
    words = ["check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
