"""The Dockerfile, read without an engine: what it copies is there, is let through, and is what the package needs."""

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest

from durable_harness.cli.command_line import make_parser

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", "").splitlines()
COPIED = {source for line in LINES if line.startswith("COPY ") for source in line.split()[1:-1]}


def let_through(source):
    """Return whether the last line of .dockerignore that is about a path lets it into the build."""
    allowed = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if fnmatch.fnmatch(source, line.removeprefix("!")):
            allowed = line.startswith("!")
    return allowed


@pytest.mark.parametrize("source", sorted(COPIED))
def test_what_is_copied_is_there(source):
    """Each path of a COPY exists and is not kept from the build."""
    assert (ROOT / source).exists()
    assert let_through(source)


def test_all_that_the_package_is_built_of_is_copied():
    """The package's sources, its readme, its license and the scenarios in its wheel are in the image's build."""
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    readme = {part["path"] for part in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"]}
    packages = {Path(package).parts[0] for package in wheel["packages"]}
    needed = {"pyproject.toml", "LICENSE", *readme, *packages, *wheel["force-include"]}
    assert needed <= COPIED


def test_what_is_installed_first_builds_and_runs_the_package():
    """Installing the package fetches nothing: its build backend and all it depends on are locked, with hashes."""
    locked = {name.lower() for name in re.findall(r"(?m)^([\w.-]+)==", (ROOT / "constraints-image.txt").read_text())}
    wanted = [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]
    names = {re.match(r"[\w.-]+", one)[0].lower() for one in wanted}
    assert names <= locked
    (install,) = (line for line in LINES if " install " in line and "constraints-image.txt" in line)
    assert "--require-hashes" in install


def test_the_image_runs_the_scheduler():
    """Its command is the package's own, with options that it has."""
    (entrypoint,) = (line for line in LINES if line.startswith("ENTRYPOINT "))
    command, *words = re.findall(r'"([^"]+)"', entrypoint)
    assert command in PROJECT["project"]["scripts"]
    assert make_parser().parse_args(words).is_service
