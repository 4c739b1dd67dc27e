"""Blocks of the documentation that are no commands: each can be read, and the tests in them pass on an app."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from durable_harness.gate.gatefile import load_gate_file
from durable_harness.operations import load_service

ROOT = Path(__file__).parents[3]
APPS = ROOT / "tests" / "apps" / "of_pages"
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LANGUAGES = {
    "python": ast.parse,
    "toml": tomllib.loads,
    "json": json.loads,
    "yaml": YAML(typ="safe").load,
    "sh": None,  # test_readme.py runs each
    "text": None,  # what something prints
    "bash": None,  # beside the same for PowerShell
    "powershell": None,
}
BLOCKS = [
    pytest.param(language, text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, (language, text) in enumerate(BLOCK.findall(page.read_text()), 1)
    if not language.startswith("{")
]
# The app under each test of a page, by the name of the first test in the block.
OF_TESTS = {
    "test_order": "shop",
    "test_an_approval_in_time": "approval",
    "test_an_order_is_approved": "expiring",
    "test_ten_orders": "shop",
    "test_a_counter_from_zero": "counter",
    "test_an_order_is_paid": "tracked",
    "test_a_payment_is_sent": "bank",
    "test_an_order_is_charged_once": "charged",
    "test_the_happy_path": "../../../function_app",  # the sample
}
RUN_ELSEWHERE = {
    "test_nothing_is_lost": "test_readme.py",
    "test_a_forecast": "tests/agents, with Microsoft's Agent Framework",
}
WITH_TESTS = ("how-to/testing.md", "how-to/twice.md", "how-to/coding-agents.md")
TESTS = [
    (re.search(r"def (test_\w+)", text)[1], text)
    for page in WITH_TESTS
    for language, text in BLOCK.findall((ROOT / "docs" / page).read_text())
    if language == "python" and "def test_" in text
]


@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_a_block_can_be_read(language, text):
    """Each block names its language, and is that: Python, TOML, JSON or YAML that a parser takes."""
    assert language in LANGUAGES
    if LANGUAGES[language] is not None:
        LANGUAGES[language](text)


@pytest.mark.parametrize(
    "text", [pytest.param(*one.values[1:], id=one.id) for one in BLOCKS if one.values[0] == "toml"]
)
def test_a_toml_block_is_a_gates_file_or_a_service(text, tmp_path, monkeypatch):
    """Each TOML block is taken by the reader of gates files or by that of service descriptions."""
    file = tmp_path / "example.toml"
    file.write_text(text)
    for name in re.findall(r"env:(\w+)", text):
        monkeypatch.setenv(name, "secret")
    (load_service if "[start]" in text else load_gate_file)(file)


def test_every_test_of_the_pages_is_run():
    """A block with tests in a page about testing has an app here, or is run by another test."""
    assert {name for name, _ in TESTS} == OF_TESTS.keys() | RUN_ELSEWHERE.keys()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "text"), [pair for pair in TESTS if pair[0] in OF_TESTS], ids=lambda value: value[:40]
)
def test_the_tests_of_a_page_pass(name, text, tmp_path):
    """The tests that a page shows pass as they stand there, on an app that does what the page shows of it."""
    if "mark.asyncio" in text:
        pytest.importorskip("pytest_asyncio", reason="needs the plugin that the page names: pip install pytest-asyncio")
    (tmp_path / "function_app.py").write_text((APPS / f"{OF_TESTS[name]}.py").read_text())
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "test_page.py").write_text(text)
    (tmp_path / "pytest.ini").touch()
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
