"""The wheel and the source distribution: what is in them, and what a page of PyPI shows of them."""

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from durable_harness import __version__

ROOT = Path(__file__).parents[2]
NAME = f"durable_harness-{__version__}"
REPOSITORY = "https://github.com/durable-harness/durable-harness"
TARGETS = re.compile(r"\]\(([^)\s]+)\)")


def build(source, dist, *targets):
    """Build with the backend that is installed here: a build of its own would ask the package index for one."""
    words = [sys.executable, "-m", "hatchling", "build", "-d", str(dist), *targets]
    done = subprocess.run(words, cwd=source, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dist


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Return the folder of both distributions."""
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(dist):
    """Yield the wheel, opened."""
    with zipfile.ZipFile(dist / f"{NAME}-py3-none-any.whl") as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel):
    """Return the wheel's metadata; its payload is the readme."""
    return email.message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))


def contents(opened):
    """Return what each file of a wheel has in it."""
    return {name: opened.read(name) for name in opened.namelist()}


def test_the_wheel_has_what_runs_and_nothing_else(wheel):
    """Its files are those of the package and its scenarios, by the repository's own list."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src", "loadtests"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {re.sub(r"^src/|^(?=loadtests/)", "", path, count=1) for path in listed.stdout.split()}
    ours = {f"durable_harness/{path}" if path.startswith("loadtests/") else path for path in ours}
    inside = {name for name in wheel.namelist() if not name.startswith(f"{NAME}.dist-info/")}
    assert inside == ours
    for name in ("py.typed", "cli/templates/workflow.yml", "web/drawing.js", "loadtests/gates.toml"):
        assert f"durable_harness/{name}" in inside
    assert any(name.startswith("durable_harness/dashboard/assets/") for name in inside)
    assert any(name.startswith("durable_harness/dashboard/templates/") for name in inside)
    assert f"{NAME}.dist-info/licenses/LICENSE" in wheel.namelist()


def test_the_source_distribution_makes_the_same_wheel(dist, wheel, tmp_path):
    """A wheel that is built of the sdist has the same files, byte for byte; the sdist has no tests and no caches."""
    with tarfile.open(dist / f"{NAME}.tar.gz") as sdist:
        tops = {name.split("/")[1] for name in sdist.getnames()}
        sdist.extractall(tmp_path, filter="data")
    ignored = {".gitignore", "PKG-INFO"}  # hatchling adds them
    assert tops - ignored == {"src", "loadtests", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"}
    build(tmp_path / NAME, tmp_path / "dist", "-t", "wheel")
    with zipfile.ZipFile(tmp_path / "dist" / f"{NAME}-py3-none-any.whl") as again:
        assert contents(again) == contents(wheel)


def test_the_metadata_is_what_an_index_shows(metadata):
    """Version, licence, addresses, keywords and classifiers are there; the licence is an expression."""
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    addresses = dict(line.split(", ") for line in metadata.get_all("Project-URL"))
    assert addresses.keys() >= {"Source", "Documentation", "Changelog", "Issues"}
    assert all(address.startswith(REPOSITORY) for address in addresses.values())
    assert "durable-functions" in metadata["Keywords"].split(",")
    assert {"Framework :: Pytest", "Typing :: Typed"} <= set(metadata.get_all("Classifier"))
    assert metadata.get_all("Provides-Extra")


def test_the_readme_needs_no_repository_beside_it(metadata):
    """Each link and picture of the readme is an address, and each address names a file that is in the repository."""
    targets = TARGETS.findall(metadata.get_payload())
    assert len(targets) > 20
    assert [one for one in targets if not one.startswith(("https://", "#"))] == []
    for prefix in (f"{REPOSITORY}/blob/v{__version__}/", f"{REPOSITORY}/raw/v{__version__}/"):
        paths = [one.removeprefix(prefix).partition("#")[0] for one in targets if one.startswith(prefix)]
        assert paths
        assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_readme_renders(dist):
    """The check of the tool that uploads them has no warning."""
    words = [sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.iterdir())]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_has_a_heading_in_the_changelog():
    """CHANGELOG.md has a dated section of this version with something in it, above it one of what comes next."""
    headings = re.findall(r"(?m)^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text())
    assert headings[0] == ("Unreleased", "")
    assert dict(headings).get(__version__), f"CHANGELOG.md has no heading '## [{__version__}] - DATE'"
