"""The documentation's site builds without a warning and needs no other host."""

import re
import shutil

import pytest
from sites import ROOT, build

LOADED = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=\"((?:https?:)?//[^\"]+)\"|url\(\s*['\"]?(https?:[^)]+)"
)


def test_every_page_is_in_the_site(site):
    """Each Markdown file of docs/ becomes a page, and none of them warns about a link or a table of contents."""
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if not (site.folder / page).with_suffix(".html").exists()] == []


def test_the_site_loads_nothing_from_other_hosts(site):
    """The pages, their styles and their search work without a network: no page names another host's script or font."""
    files = [file for kind in ("*.html", "*.css") for file in site.folder.rglob(kind)]
    loaded = {match for file in files for match in LOADED.findall(file.read_text())}
    assert loaded == set()
    assert (site.folder / "searchindex.js").exists()


def test_the_pages_of_the_root_are_pages_of_the_site(site):
    """SECURITY.md is shown whole, and its links lead to pages of the site."""
    text = site.source("project/security")
    assert "What listens where" in text
    assert 'href="../how-to/dashboard.html"' in text


def test_links_to_other_files_lead_to_the_repository(site):
    """A link to a source file, which the site does not have, becomes the file's address in the repository."""
    text = site.source("explanation/design")
    assert re.search(r'href="https://[^"]+/blob/main/src/durable_harness/network/callers.py"', text)
    assert re.search(r'href="https://[^"]+/tree/main/src/durable_harness/host/tracing"', text)


@pytest.mark.parametrize(
    ("page", "text", "message"),
    [
        ("index.md", "[gone](gone.md)\n", "gone.md"),
        ("index.md", "[gone](listed.md#no-such-heading)\n", "no-such-heading"),
        ("index.md", "{py:class}`durable_harness.testing.Gone`\n", "durable_harness.testing.Gone"),
        ("index.md", "```{reference} nothing\n```\n", "there is no reference named 'nothing'"),
        ("unlisted.md", "# Unlisted\n", "isn't included in any toctree"),
    ],
)
def test_a_broken_page_fails_the_build(tmp_path, page, text, message):
    """What leads nowhere fails a strict build: links, anchors, names, topics. So does a page that no index lists."""
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=lambda folder, names: [n for n in names if n.endswith(".md")])
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    (docs / "index.md").write_text("# Pages\n\n- [Listed](listed.md)\n\n")
    (docs / "listed.md").write_text("# Listed\n")
    with (docs / page).open("a") as file:
        file.write(text)
    done = build(docs, tmp_path / "out")
    assert done.returncode != 0
    assert message in done.stderr
