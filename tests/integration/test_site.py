"""The documentation's site builds without a warning and needs no other host."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STRICT = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
LOADED = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=\"((?:https?:)?//[^\"]+)\"|url\(\s*['\"]?(https?:[^)]+)"
)


def build(docs, out):
    """Build the site as `make docs` does; return the finished process."""
    words = [sys.executable, "-m", "sphinx", *STRICT, docs, out]
    return subprocess.run(words, capture_output=True, text=True, timeout=110, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_every_page_is_in_the_site(site):
    """Each Markdown file of docs/ becomes a page, and none of them warns about a link or a table of contents."""
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if not (site / page).with_suffix(".html").exists()] == []


def test_the_site_loads_nothing_from_other_hosts(site):
    """The pages, their styles and their search work without a network: no page names another host's script or font."""
    files = [file for kind in ("*.html", "*.css") for file in site.rglob(kind)]
    loaded = {match for file in files for match in LOADED.findall(file.read_text())}
    assert loaded == set()
    assert (site / "searchindex.js").exists()


def test_the_pages_of_the_root_are_pages_of_the_site(site):
    """SECURITY.md is shown whole, and its links lead to pages of the site."""
    text = (site / "project" / "security.html").read_text()
    assert "What listens where" in text
    assert 'href="../how-to/dashboard.html"' in text


def test_links_to_other_files_lead_to_the_repository(site):
    """A link to a source file, which the site does not have, becomes the file's address in the repository."""
    text = (site / "explanation" / "design.html").read_text()
    assert re.search(r'href="https://[^"]+/blob/main/src/durable_harness/callers.py"', text)
    assert re.search(r'href="https://[^"]+/tree/main/src/durable_harness/host/tracing"', text)


@pytest.mark.parametrize(
    ("page", "text", "says"),
    [
        ("how-to/index.md", "\n[gone](gone.md)\n", "gone.md"),
        ("how-to/index.md", "\n[gone](traces.md#no-such-heading)\n", "no-such-heading"),
        ("how-to/unlisted.md", "# Unlisted\n", "isn't included in any toctree"),
    ],
)
def test_a_broken_page_fails_the_build(tmp_path, page, text, says):
    """A link to a page or a heading that is not there, and a page that no index lists, fail the strict build."""
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for page_of_root in ROOT.glob("*.md"):
        shutil.copy(page_of_root, tmp_path)
    with (docs / page).open("a") as file:
        file.write(text)
    done = build(docs, tmp_path / "out")
    assert done.returncode == 1
    assert says in done.stderr
