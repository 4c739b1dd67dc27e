"""What `init` writes: scenarios with gates, a test, a CI workflow; files that exist stay as they are."""

from __future__ import annotations

import json
import pprint
import re
import subprocess
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from durable_harness.experiments.scenario_files import missing_in
from durable_harness.experiments.tryouts import SAMPLE, Tried

LOADTESTS, TEST_FILE, WORKFLOW = "loadtests", "tests/test_operations.py", "durable-harness.yml"
PACKAGE = "durable-harness[load,test]"
WORKFLOWS = Path(".github/workflows")
TEMPLATES = Path(__file__).parents[1] / "cli" / "templates"
POST = "POST"
TOTAL_RATE = 10.0
"""Operations per second of all scenarios together: any laptop serves them, and a minute gives a p99."""
GIT_TIMEOUT_S = 10.0
TOKEN, A_TOKEN = "{token}", "a-token"
"""What stands for a unique text in a payload that was tried, and what a test sends for it."""
MOST_REASON_CHARS = 400
SKIPPED = "write what it takes"
"""How the reason of a skipped test begins."""
MOST_CALL_CHARS = 70
"""A payload that fits is written on one line: with its indentation the line stays below 120."""


@dataclass(slots=True)
class Kit:
    """What was written, and what was left as it is, with the reason."""

    written: list[Path] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def write(self, path: Path, text: str) -> None:
        """Write a file that is not there; one that is stays."""
        if path.exists():
            self.left.append(f"{path} is there")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.written.append(path)


def write_kit(folder: Path, starters: Sequence[Tried]) -> Kit:
    """Write what an app lacks, for the starters that were tried."""
    kit = Kit()
    names = _named(starters)
    _write_scenarios(kit, folder, names)
    _write_test(kit, folder, names)
    _write_workflow(kit, folder)
    return kit


def _write_scenarios(kit: Kit, folder: Path, names: Mapping[str, Tried]) -> None:
    loadtests = folder / LOADTESTS
    if any(loadtests.glob("*.py")):
        kit.left.append(f"{loadtests} has scenarios")
        kit.left += missing_in(loadtests, [tried for tried in names.values() if tried.works])
    else:
        for name, tried in names.items():
            kit.write(loadtests / f"{name}.py", scenario(name, tried))
        working = sum(tried.works for tried in names.values())
        kit.write(loadtests / "locust.conf", CONFIG.format(rate=f"{TOTAL_RATE / max(working, 1):.3g}"))
    kit.write(loadtests / "gates.toml", (TEMPLATES / "gates.toml").read_text(encoding="utf-8"))


def _write_test(kit: Kit, folder: Path, names: Mapping[str, Tried]) -> None:
    tests = [*folder.glob("test_*.py"), *folder.glob("tests/**/test_*.py")]
    if any("operations.start(" in path.read_text(encoding="utf-8", errors="replace") for path in tests):
        kit.left.append("a test starts operations already")
        marked = [path for path in tests if SKIPPED in path.read_text(encoding="utf-8", errors="replace")]
        kit.left += [f"{path} has a skipped test: write what it starts, then remove the mark" for path in marked]
    else:
        kit.write(folder / TEST_FILE, test_of(names))


def _write_workflow(kit: Kit, folder: Path) -> None:
    top = _top(folder)
    workflows = [*(top / WORKFLOWS).glob("*.yml"), *(top / WORKFLOWS).glob("*.yaml")]
    if any("durable-harness" in path.read_text(encoding="utf-8", errors="replace") for path in workflows):
        kit.left.append("a workflow runs durable-harness already")
        return
    inside = folder.resolve().relative_to(top.resolve()).as_posix()
    has_requirements = (folder / "requirements.txt").is_file()
    values = {
        "FOLDER": inside,
        "REQUIREMENTS": "-r requirements.txt " if has_requirements else "",
        "HARNESS": requirement(distribution("durable-harness").read_text("direct_url.json")),
    }
    text = (TEMPLATES / "workflow.yml").read_text(encoding="utf-8")
    kit.write(top / WORKFLOWS / WORKFLOW, re.sub("|".join(values), lambda found: values[found[0]], text))


def requirement(direct_url: str | None) -> str:
    """Return how pip gets the harness as it is installed here: from its repository, else from the package index.

    `direct_url` is what pip has noted of an installation from another place than an index. A wheel or a folder of this
    machine is not where CI is: then the workflow's comment is what to write.
    """
    came_from = json.loads(direct_url) if direct_url else {}
    commit = came_from.get("vcs_info", {}).get("commit_id")
    parts = urlsplit(came_from.get("url", ""))
    if not commit or came_from["vcs_info"].get("vcs") != "git" or parts.scheme not in ("https", "ssh"):
        return PACKAGE
    # A password would be in the file for all to read; a user name alone is what ssh needs.
    user = f"{parts.username}@" if parts.scheme == "ssh" and parts.username else ""
    place = parts._replace(netloc=f"{user}{parts.netloc.rpartition('@')[2]}")
    return f"{PACKAGE} @ git+{urlunsplit(place)}@{commit}"


def _top(folder: Path) -> Path:
    """Return the root of the repository, where workflows are looked for; the folder itself outside of one."""
    try:
        words = ["git", "-C", str(folder), "rev-parse", "--show-toplevel"]
        done = subprocess.run(  # noqa: S603 - git
            words, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=GIT_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return folder
    return Path(done.stdout.strip()) if done.returncode == 0 and done.stdout.strip() else folder


def _named(starters: Sequence[Tried]) -> dict[str, Tried]:
    """Return the starters by names for modules, each once; and never by a name that hides another module."""
    names: dict[str, Tried] = {}
    for tried in starters:
        last = [part for part in tried.starter.path.split("/") if part and "{" not in part][-1:]
        word = re.sub(r"\W+", "_", last[0] if last else tried.starter.function).strip("_").lower() or "operation"
        stem = word if word.startswith("start_") else f"start_{word}"
        name = next(name for name in _numbered(stem) if name not in names)
        names[name] = tried
    return names


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}_{number}"
        number += 1


def scenario(name: str, tried: Tried) -> str:
    """Return the module of a scenario."""
    class_name = "".join(part.capitalize() for part in name.split("_"))
    starter = tried.starter
    shown_path = _quoted(starter.path)[1:-1]
    lines = [f'"""{class_name}: operations of {starter.method} {shown_path}, at an even rate."""', ""]
    body = [f"class {class_name}(ArrivalUser):", '    """`--rate` sets the rate; see the gates in gates.toml."""', ""]
    if not tried.works:
        body += [
            *_comment(f"Not run yet: no input that was tried worked ({tried.why})."),
            "    # Say in `payload` what it takes, then remove the next line.",
            "    abstract = True",
        ]
    body += [f"    start_path = {_quoted(starter.path)}"]
    body += [] if starter.method == POST else [f'    start_method = "{starter.method}"']
    if tried.payload is not SAMPLE or not tried.works:
        body += [
            "",
            "    def payload(self, token: str) -> object:",
            f"        return {_literal(tried.payload, 'token')}",
        ]
    return "\n".join([*lines, "from durable_harness.load import ArrivalUser", "", "", *body, ""])


def test_of(names: Mapping[str, Tried]) -> str:
    """Return the module of the test."""
    parts = [TEST_HEAD]
    for name, tried in names.items():
        path = tried.starter.path.replace("{number}", "1").replace("{token}", A_TOKEN)
        skip = "" if tried.works else f"@pytest.mark.skip(reason={f'{SKIPPED}: {_shortened(tried.why)}'!r})\n"
        body = SAMPLE_BODY if tried.payload is SAMPLE else _literal(tried.payload, _quoted(A_TOKEN))
        call = _call(path, body, tried.starter.method)
        parts.append(TEST.format(name=name.removeprefix("start_"), call=call, skip=skip))
    text = "\n\n".join(parts)
    return text if "@pytest" in text else text.replace("import pytest\n\n", "")


def _call(path: str, body: str, method: str) -> str:
    """Return the arguments of a start, on lines of their own if they are long."""
    parts = [_quoted(path), body, *([] if method == POST else [f'method="{method}"'])]
    short = ", ".join(parts)
    if len(short) <= MOST_CALL_CHARS and "\n" not in short:
        return short
    lines = "".join(f"        {textwrap.indent(part, ' ' * 8).lstrip()},\n" for part in parts)
    return f"\n{lines}    "


class _Expression(str):
    """A part of a literal that is written as it stands."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _literal(payload: object, token: str) -> str:
    """Return a payload as an expression, in which the expression `token` stands for the unique text."""
    return pprint.pformat({} if payload is SAMPLE else _with_sources(payload, token), width=80, sort_dicts=False)


def _with_sources(value: object, token: str) -> object:
    """Return a payload with its texts as they are written in Python, in double quotes; keys are never the token."""
    if isinstance(value, Mapping):
        return {_Expression(_quoted(str(key))): _with_sources(item, token) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_sources(item, token) for item in value]
    if isinstance(value, str):
        return _Expression(token if value == TOKEN else _quoted(value))
    return value


def _quoted(text: str) -> str:
    """Return a text as a literal of Python: a text of JSON is one."""
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> list[str]:
    """Return a text as lines of a comment in a class."""
    return textwrap.wrap(_shortened(text), 100, initial_indent="    # ", subsequent_indent="    # ")


def _shortened(text: str) -> str:
    return textwrap.shorten(text, MOST_REASON_CHARS, placeholder=" …")


CONFIG = """# What `durable-harness load` runs here; every line is an option of it.
run-time = 30s
only-summary = true
rate = {rate}
"""
SAMPLE_BODY = '{"operation_type": "test", "duration": 0.1, "data": {"token": "a-token"}}'
TEST_HEAD = '''"""Each way to start an operation: it is accepted, and ends well."""

import pytest

from durable_harness.testing import Operations, assert_completed
'''
TEST = """{skip}def test_{name}(operations: Operations) -> None:
    operation = operations.start({call})
    assert_completed(operation, timeout_s=30)
"""
