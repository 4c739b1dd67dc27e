"""The reference is complete: what the code has is on its page, by a list that is made otherwise than the page."""

import argparse
import ast
import importlib
import inspect
import os
import re
import subprocess
import sys

import pytest
from sites import ROOT

from durable_harness.cli.command_line import make_parser
from durable_harness.errors import HarnessError
from durable_harness.exit_codes import ExitCode
from durable_harness.gate import gatefile
from durable_harness.load.scenario.attributes import ATTRIBUTES
from durable_harness.operations import service_file
from durable_harness.pytest_plugin.plugin_options import OPTIONS

SOURCE = ROOT / "src" / "durable_harness"
REFERENCE = [f"reference/{page.stem}" for page in (ROOT / "docs" / "reference").glob("*.md")]
API = {
    "durable_harness.testing": "testing-api",
    "durable_harness.testing.aio": "async-testing-api",
    "durable_harness.operations": "operations-api",
    "durable_harness.load": "scenario-api",
}
NOT_FOR_USERS = {
    "DURABLE_HARNESS_CLOCK_AHEAD_S",  # the same
    "DURABLE_HARNESS_TYPED_COMMAND",  # a process of ours to its child
}


def commands(parser, prefix="durable-harness"):
    """Yield each command's words with its parser."""
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        yield prefix, parser
    for action in nested:
        for name, command in action.choices.items():
            yield from commands(command, f"{prefix} {name}")


def test_every_option_of_every_command_is_there(site):
    """Each long option that a command shows in its help has an entry, under it or under the one that is the same."""
    ids, text = site.ids("reference/commands"), site.text("reference/commands")
    missing = []
    for name, parser in commands(make_parser()):
        if name == "durable-harness load":
            continue
        for action in parser._actions:
            words = [word for word in action.option_strings if word.startswith("--") and word != "--help"]
            anchors = {f"cmdoption-{name.replace(' ', '-')}-{word.lstrip('-')}" for word in words}
            is_same = name.removeprefix("durable-harness ") in text.partition("The same:")[2]
            if words and action.help is not argparse.SUPPRESS and not anchors & ids and not is_same:
                missing.append((name, words))
    assert missing == []


def test_every_load_option_is_there(site):
    """Each flag that the source declares as an option of load runs has an entry with its variable."""
    files = [*(SOURCE / "load" / "options").glob("*.py"), SOURCE / "load" / "distributed" / "joining.py"]
    flags = {flag for file in files for flag in re.findall(r'DeclaredOption\(\s*"--([\w-]+)"', file.read_text())}
    ids, text = site.ids("reference/load-options"), site.text("reference/load-options")
    assert len(flags) > 25
    assert [flag for flag in flags if f"cmdoption-durable-harness-load-{flag}" not in ids] == []
    variables = [f"DURABLE_HARNESS_{flag.replace('-', '_').upper()}" for flag in flags]
    assert [variable for variable in variables if f"Environment: {variable}." not in text] == []


def test_every_variable_of_the_source_is_in_the_documentation(site):
    """An environment variable that the source names is on one page of the site at least."""
    named = {
        name for file in SOURCE.rglob("*.py") for name in re.findall(r'"(DURABLE_HARNESS_[A-Z_]+)"', file.read_text())
    }
    text = " ".join(page.read_text() for page in site.folder.rglob("*.html"))
    assert "DURABLE_HARNESS_PLAIN_GRPC" in named
    assert sorted(name for name in named - NOT_FOR_USERS if name.rstrip("_") not in text) == []


def test_every_option_marker_and_fixture_of_the_plugin_is_there(site, tmp_path):
    """What pytest itself lists of the plugin is on its page: fixtures, markers, options, ini values."""
    (tmp_path / "pytest.ini").touch()

    def listed(option):
        words = [sys.executable, "-m", "pytest", option]
        environment = {**os.environ, "COLUMNS": "200"}
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment).stdout

    text, ids = site.text("reference/pytest"), site.ids("reference/pytest")
    fixtures = re.findall(r"^(\w+)(?: \[\w+ scope\])? -- .*durable_harness", listed("--fixtures"), re.MULTILINE)
    markers = re.findall(r"@pytest\.mark\.(\w+)\(.*\(durable-harness\)", listed("--markers"))
    assert {"durable_operations", "operations"} <= set(fixtures)
    assert [name for name in fixtures if name.replace("_", "-") not in ids] == []
    assert len(markers) == 5
    assert [name for name in markers if f"@pytest.mark.{name}(" not in text] == []
    assert [option for option in OPTIONS if f"cmdoption-pytest-{option.flag[2:]}" not in ids] == []
    assert [option for option in OPTIONS if option.ini not in text] == []


@pytest.mark.parametrize("module", API)
def test_every_exported_name_is_there_with_a_text(module, site, monkeypatch):
    """Each name of `__all__` has an entry, and so has each public function of a class, with what it does."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    if module == "durable_harness.load":
        names = ast.literal_eval(
            re.search(r"__all__ = (\[.*?\])", (SOURCE / "load/__init__.py").read_text(), re.DOTALL)[1]
        )
    else:
        found = importlib.import_module(module)
        names = found.__all__
        classes = [value for name in names if inspect.isclass(value := getattr(found, name))]
        silent = [
            f"{one.__name__}.{name}"
            for one in classes
            for name, value in vars(one).items()
            if inspect.isfunction(value) and not name.startswith("_") and not inspect.getdoc(value)
        ]
        assert silent == []
    ids = site.ids(f"reference/{API[module]}")
    assert [name for name in names if f"{module}.{name}" not in ids] == []


def test_every_exit_code_is_there(site):
    """Each code of the one table is on its page, and no error ends with a code that is not in the table."""
    text = site.text("reference/exit-codes")
    assert [code for code in ExitCode if f"{code.value} {code.detail}".replace("`", "") not in text] == []
    assert {error.exit_code for error in HarnessError.__subclasses__()} <= set(ExitCode)


def test_every_error_is_there(site):
    """Each class of the source that is made of one of our errors has a section with its exit code."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    ours = {"HarnessError"}
    while more := {name for name, of in bases.items() if of & ours} - ours:
        ours |= more
    assert len(ours) >= 16
    assert [name for name in sorted(ours) if name.lower() not in site.ids("reference/errors")] == []


def test_every_key_of_a_gates_file_is_there(site):
    """Each table and each key that the reader of gates files takes is on its page, with what it may be."""
    text = site.text("reference/gates-file")
    tables = [f"[{name}]" for name in gatefile.FIGURES]
    relative = [f"[relative.{name}]" for name in gatefile.METRICS]
    keys = (*gatefile.OPERATION_STATISTICS, *gatefile.AUDIT_STATISTICS, *gatefile.RELATIVE_RATES)
    words = (*tables, *relative, *keys, *gatefile._AbortReader.KEYS)
    assert [word for word in words if word not in text] == []
    ranges = [value.meaning for value in vars(gatefile).values() if isinstance(value, gatefile._Range)]
    assert [meaning for meaning in ranges if meaning not in text] == []


def test_every_attribute_of_a_scenario_is_there(site):
    """The table has each attribute that is a value, with a meaning: one without a line in its class is missing."""
    table = site.source("reference/scenario-api").partition("<table")[2].partition("</table>")[0]
    assert [name for name in ATTRIBUTES if f'<span class="pre">{name}</span>' not in table] == []


def test_every_key_of_a_service_description_is_there(site):
    """Each key that the reader of service descriptions takes is on its page, with a meaning."""
    source = site.source("reference/service-description")
    for keys in (service_file.START_KEYS, service_file.STATUS_KEYS, service_file.REQUEST_KEYS):
        for key in keys:
            row = re.search(
                rf"<tr[^>]*>\s*<td><p><code[^>]*><span class=\"pre\">{key}</span>.*?</tr>", source, re.DOTALL
            )
            assert row, key
            meaning = re.sub(r"<[^>]+>", "", re.findall(r"<td>(.*?)</td>", row[0], re.DOTALL)[3]).strip()
            assert meaning, f"{key} has no meaning: write one below the field in operations/description.py"
