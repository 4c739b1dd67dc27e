"""The README is short, and no link of the documentation leads nowhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SUPPORTED = re.compile(r"(?:[Nn]eeds?|with) Python (3\.\d+ (?:to|or) [\w.]*\w)")
ABOUT_OURS = "several-scenarios.md"
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(page):
    """Return what the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def has_heading(page, anchor):
    """Return whether a page has a heading; those that are made from the code are checked by the site's strict build."""
    return anchor in anchors(page) or "```{reference}" in page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    """Each link within the repository names a file that is there, and a heading of it."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and not has_heading(target, anchor)):
            broken.append(link)
    assert broken == []


def test_a_newcomer_reads_a_short_page():
    """The README has what a newcomer needs, in 150 lines at most; the rest is in docs."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_all_pages_name_the_same_versions_of_python():
    """Where a page shows which versions of Python are supported, they are those that the package declares."""
    declared = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    stated = {page: set(SUPPORTED.findall(page.read_text())) for page in PAGES}
    found = {page.relative_to(ROOT).as_posix(): versions for page, versions in stated.items() if versions}
    assert len(found) >= 5
    assert found == {page: {f"{declared[0]} to {declared[-1]}"} for page in found}


def test_a_command_for_a_readers_app_names_no_scenario_of_ours():
    """What can be typed beside one's own loadtests has no name that is unknown there; one page is about ours."""
    lines = [line for page in PAGES if page.name != ABOUT_OURS for line in commands_of(page)]
    assert any("durable-harness load" in line for line in lines)
    assert [
        line for line in lines if re.search(r"(locust|durable-harness load) .*\b(Steady|Burst|Spike)\b", line)
    ] == []


def commands_of(page):
    """Return the lines of a page that can be typed into a shell."""
    return [
        line for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL) for line in block.splitlines()
    ]
