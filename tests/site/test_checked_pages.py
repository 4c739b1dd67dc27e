"""Pages whose words come from the code, or are checked against it."""

import ast
import re
from functools import cache

import pytest
from sites import ROOT

SOURCE = ROOT / "src" / "durable_harness"
TROUBLES = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text()
MESSAGES = re.findall(r"```text\n(.*?)```", TROUBLES, re.DOTALL)
SHORTEST = 4
"""A fragment of a message with fewer characters would be found anywhere."""


@cache
def texts():
    """Return all texts of the source, with single spaces: those of an f-string without what is put into it."""
    nodes = (node for file in SOURCE.rglob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    found = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [" ".join(text.split()) for text in found]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.strip()[:40])
def test_each_message_of_troubleshooting_is_one_of_the_source(message):
    """Each fragment of a quoted message, between what differs from case to case, stands in a text of the source."""
    fragments = [" ".join(part.split()) for line in message.splitlines() for part in line.split("…")]
    telling = [fragment for fragment in fragments if len(fragment.strip(" .:'")) >= SHORTEST]
    assert telling
    assert [fragment for fragment in telling if not any(fragment in text for text in texts())] == []


def test_each_message_has_an_answer():
    """Troubleshooting has a paragraph after each message."""
    assert len(MESSAGES) > 20
    assert re.sub(r"```text\n.*?```\n\n(?=[A-Z`])", "", TROUBLES, flags=re.DOTALL).count("```text") == 0


def test_llms_txt_lists_every_page(site):
    """`llms.txt` has each page but the indexes, with its title and what it is about."""
    text = (site.folder / "llms.txt").read_text()
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md") if page.name != "index.md"]
    listed = dict(re.findall(r"^- \[[^]]+\]\(([^)]+)\): (.{10,})$", text, re.MULTILINE))
    assert text.startswith("# durable-harness\n\n> ")
    assert [page for page in pages if page.with_suffix(".html").as_posix() not in listed] == []
