"""How a revision is made runnable: worktrees, requirements, and what its commands answer."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from durable_harness.errors import UsageError
from durable_harness.experiments import revisions
from durable_harness.experiments.revisions import OWN_NAME, OWN_SETTINGS, REQUIREMENTS


@pytest.fixture
def commands(monkeypatch):
    """Return commands(*outcomes): what was run, if commands end so in turn; the last outcome repeats."""

    def make(*outcomes):
        left, run = list(outcomes), []

        def fake(words, **_options):
            run.append(words)
            outcome = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(outcome, Exception):
                raise outcome
            return SimpleNamespace(returncode=outcome[0], stdout=outcome[1], stderr=outcome[1])

        monkeypatch.setattr(revisions.subprocess, "run", fake)
        return run

    return make


DONE, FAILED = (0, "done\n"), (1, "first line\nfatal: no\n")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (FAILED, "it failed:\n  fatal: no"),
        ((1, ""), "it failed"),
        (FileNotFoundError(), "it failed: git is not installed"),
        (subprocess.TimeoutExpired("git", 1), "it failed: git was not done after 600 s"),
    ],
)
def test_a_command_that_fails_is_an_error_of_usage(commands, outcome, words):
    """The last line of its errors is shown, or why there is none."""
    commands(outcome)
    with pytest.raises(UsageError) as ended:
        revisions._run(["git", "status"], "it failed")
    assert str(ended.value) == words


def test_the_output_of_a_command_is_returned(commands):
    """Without the line break at its end."""
    assert commands(DONE) == []
    assert revisions._run(["git", "status"], "it failed") == "done"


def test_a_worktree_is_removed_by_git(commands, tmp_path):
    """One command is enough as a rule."""
    run = commands(DONE)
    revisions._remove_worktree(tmp_path, tmp_path / "base")
    assert [words[3:5] for words in run] == [["worktree", "remove"]]


def test_a_locked_worktree_is_removed_anyway(commands, tmp_path):
    """One that git was interrupted in making is unlocked, deleted and forgotten, also if it was not locked."""
    (tmp_path / "base").mkdir()
    run = commands(FAILED, FAILED, DONE)
    revisions._remove_worktree(tmp_path, tmp_path / "base")
    assert [words[4] for words in run] == ["remove", "unlock", "prune"]
    assert not (tmp_path / "base").exists()


def test_the_working_tree_is_served_where_it_is(commands, tmp_path):
    """It has no worktree, and its label is no commit."""
    run = commands(DONE)
    with revisions._tree(tmp_path, ".", tmp_path / "base") as root:
        assert root == tmp_path
    assert revisions._label(tmp_path, ".") == "working tree"
    assert run == []


def test_a_revision_has_a_worktree_while_it_is_served(commands, tmp_path):
    """It is made of the commit and removed at the end; the label has the commit in short."""
    run = commands((0, "0123456789abcdef\n"))
    with revisions._tree(tmp_path, "v1", tmp_path / "base") as root:
        assert root == tmp_path / "base"
        assert run[-1][-2:] == [str(root), "0123456789abcdef"]
    assert run[-1][3:5] == ["worktree", "remove"]
    assert revisions._label(tmp_path, "v1") == "v1 (01234567)"


@pytest.fixture
def trees(tmp_path):
    """Return the working tree and a revision of it, each with an app in `app`."""
    roots = tmp_path / "top", tmp_path / "base"
    for root in roots:
        (root / "app").mkdir(parents=True)
        (root / "app" / "function_app.py").write_text("")
    return roots


@pytest.mark.parametrize(("committed", "found"), [(None, "working tree's"), ("its own", "its own")])
def test_settings_that_are_not_committed_are_copied(trees, committed, found):
    """A revision without local.settings.json gets that of the working tree, and keeps one of its own."""
    top, root = trees
    (top / "app" / OWN_SETTINGS).write_text("working tree's")
    if committed is not None:
        (root / "app" / OWN_SETTINGS).write_text(committed)
    app = revisions._app(top, root, revisions.Path("app"), "v1")
    assert (app / OWN_SETTINGS).read_text() == found


def test_a_revision_without_the_app_is_refused(trees):
    """The message has the revision and how to name the app."""
    top, root = trees
    (root / "app" / "function_app.py").unlink()
    with pytest.raises(UsageError, match=r"v1 has no function_app.py in app\. Say where"):
        revisions._app(top, root, revisions.Path("app"), "v1")


def test_equal_requirements_need_no_environment(trees, commands):
    """Both revisions are served by this Python, with equal files or with none."""
    run = commands(DONE)
    apps = [root / "app" for root in trees]
    assert revisions._pythons(apps, trees[0]) == [sys.executable] * 2
    for app in apps:
        (app / REQUIREMENTS).write_text("requests\n")
    assert revisions._pythons(apps, trees[0]) == [sys.executable] * 2
    assert run == []


def test_different_requirements_have_an_environment_each(trees, commands, monkeypatch, tmp_path):
    """Each is made, gets what its revision requires, and sees the packages of this one behind its own."""
    run = commands(DONE)
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.setattr(revisions.sysconfig, "get_path", lambda *_args, **_options: str(packages))
    apps = [root / "app" for root in trees]
    (apps[1] / REQUIREMENTS).write_text("requests\n")
    pythons = revisions._pythons(apps, tmp_path)
    assert len(set(pythons)) == 2
    assert [words[2] for words in run] == ["venv", "venv", "pip"]
    assert run[-1][-1] == str(apps[1] / REQUIREMENTS)
    assert "site.addsitedir(" in (packages / "zz_behind.pth").read_text()


@pytest.mark.parametrize(
    ("project", "inherited", "expected"),
    [
        (None, None, {}),
        ("broken = [", None, {}),
        ('[project]\nname = "other"\n', None, {}),
        (f'[project]\nname = "{OWN_NAME}"\n', None, {"PYTHONPATH": "{root}/src"}),
        (f'[project]\nname = "{OWN_NAME}"\n', "/mine", {"PYTHONPATH": "{root}/src:/mine"}),
    ],
)
def test_a_revision_of_the_harness_serves_itself(tmp_path, monkeypatch, project, inherited, expected):
    """Its own sources come first on the path; another project is served by this installation."""
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if inherited is not None:
        monkeypatch.setenv("PYTHONPATH", inherited)
    monkeypatch.setattr(revisions.os, "pathsep", ":")
    found = {name: value.replace(str(tmp_path), "{root}") for name, value in revisions._environment(tmp_path).items()}
    assert found == expected
