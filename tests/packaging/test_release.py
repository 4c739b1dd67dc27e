"""What a release is made of: tag, version and changelog agree, and the workflows that publish it are careful."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from durable_harness import __version__

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SECRET_FREE = re.compile(r"secrets\.(?!GITHUB_TOKEN)")
PASTED = re.compile(r"\$\{\{(?! matrix\.)")
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")


def read(path):
    return YAML(typ="safe").load(path)


def steps(workflow):
    """Yield each step of a workflow."""
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


@pytest.fixture
def released(tmp_path):
    """Return a folder with what the checks of a release read, and a way to call them."""
    for name in ("tools/release.py", "src/durable_harness/__init__.py", "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    def call(*words):
        command = [sys.executable, tmp_path / "tools" / "release.py", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return tmp_path, call


def test_a_tag_of_this_version_may_be_released(released):
    """The tag of the version passes; its notes are the changelog's section, without headings or links of others."""
    _, call = released
    assert call("check", f"v{__version__}") == (0, "", "")
    code, notes, _ = call("notes")
    assert code == 0
    assert "### Added" in notes
    assert "## [" not in notes
    assert "]: https://" not in notes


@pytest.mark.parametrize("tag", ["v9.9.9", __version__, f"v{__version__}.post1", "main", ""])
def test_another_tag_is_refused(released, tag):
    """A tag that is not v and the version ends the release, and both are named."""
    _, call = released
    code, _, problem = call("check", tag)
    assert code == 1
    assert problem.startswith(f"the tag is {tag}, but src/durable_harness/__init__.py has the version {__version__}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# Changelog\n\n## [Unreleased]\n\n- x\n", f"it has no heading '## [{__version__}] - YEAR-MONTH-DAY'"),
        (f"## [{__version__}]\n\n- x\n", f"it has no heading '## [{__version__}] - YEAR-MONTH-DAY'"),
        (
            f"## [{__version__}] - 2030-01-02\n\n## [0.0.1] - 2029-01-01\n\n- x\n",
            f"its section of {__version__} is empty",
        ),
    ],
    ids=["no heading", "no date", "no text"],
)
def test_a_changelog_without_the_version_is_refused(released, text, problem):
    """A version without a dated section that says something is not released."""
    folder, call = released
    (folder / "CHANGELOG.md").write_text(text)
    code, _, printed = call("check", f"v{__version__}")
    assert code == 1
    assert printed.startswith(f"CHANGELOG.md: {problem}")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid_and_careful(path):
    """GitHub's schema accepts it, other people's actions are pinned by commit, and no text is pasted into a script."""
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    workflow = read(path)
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert [name for name in used if name != "./" and not PINNED.fullmatch(name)] == []
    assert [step for step in steps(workflow) if PASTED.search(step.get("run", ""))] == []
    assert SECRET_FREE.search(path.read_text()) is None
    kept = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in kept)


@pytest.mark.parametrize("name", ["release.yml", "image.yml"])
def test_what_publishes_may_do_no_more_than_it_must(name):
    """Nothing is allowed but what a job asks for; what may publish runs no code of this repository."""
    workflow = read(ROOT / ".github" / "workflows" / name)
    assert workflow["permissions"] == {}
    asked = {
        job: {key for key, value in one["permissions"].items() if value == "write"}
        for job, one in workflow["jobs"].items()
    }
    expected = {
        "release.yml": {"build": set(), "test": set(), "publish": {"id-token"}, "announce": {"contents"}},
        "image.yml": {"build": {"packages"}, "join": {"packages"}},
    }
    assert asked == expected[name]
    assert not any("cache" in step.get("with", {}) for step in steps(workflow))
    if name == "release.yml":
        publish = workflow["jobs"]["publish"]
        assert set(publish["needs"]) == {"build", "test"}
        assert ["run" in step for step in publish["steps"]] == [False, False]


SCRIPTS = [
    pytest.param(step["run"], id=f"{path.stem}-{number}")
    for path in WORKFLOWS
    for number, step in enumerate(steps(read(path)))
    if "run" in step
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_step_is_a_script_that_a_shell_reads(script):
    """Bash finds no mistake of syntax in a step."""
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("tag", "kind", "has_latest"), [("v1.2.3", "--latest", True), ("v1.2.0rc1", "--prerelease", False)]
)
def test_a_pre_release_is_not_the_latest(tmp_path, tag, kind, has_latest):
    """The last steps give a pre-release its own name only, on GitHub and in the registry of images."""
    for program in ("gh", "docker"):
        (tmp_path / program).write_text(f'#!/bin/sh\necho {program} "$@"\n')
        (tmp_path / program).chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_REF_NAME": tag,
        "GITHUB_REPOSITORY": "Owner/Project",
    }
    printed = {}
    for name, job in (("release", "announce"), ("image", "join")):
        script = read(ROOT / ".github" / "workflows" / f"{name}.yml")["jobs"][job]["steps"][-1]["run"]
        words = ["bash", "-eo", "pipefail", "-c", script]
        printed[name] = subprocess.run(
            words, env=env, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.split()
    assert {tag, "--notes-file", "--verify-tag", kind} <= set(printed["release"])
    assert f"ghcr.io/owner/project:{tag[1:]}" in printed["image"]
    assert ("ghcr.io/owner/project:latest" in printed["image"]) == has_latest
