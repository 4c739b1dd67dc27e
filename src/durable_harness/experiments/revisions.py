"""Make a revision of a repository runnable: a worktree in a temporary folder, a Python that has what it requires.

What serves the app is this installation of the harness, for both revisions, unless the revision is one of the harness
itself: then each serves with its own. Where the two have different requirements.txt, each gets a virtual environment of
its own, in which the packages of this one are seen behind its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from durable_harness.documents import read_toml
from durable_harness.errors import UsageError
from durable_harness.host.app.models import is_app
from durable_harness.platforms.commands import python_of

WORKING_TREE = "."
REQUIREMENTS = "requirements.txt"
OWN_SETTINGS = "local.settings.json"
"""Often not committed; a revision without it gets the working tree's."""
OWN_NAME = "durable-harness"
COMMAND_TIMEOUT_S = 600.0
"""How long git and pip may take: a hook of the repository, or an index of packages, may never answer."""


@dataclass(frozen=True, slots=True)
class Version:
    """A revision that can be served."""

    label: str
    app_dir: Path
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the environment of its process has beside this process's."""


@contextlib.contextmanager
def checked_out(app_dir: Path, base: str, head: str) -> Iterator[tuple[Version, Version]]:
    """Yield both revisions of an app, which are removed when the block ends.

    Raises UsageError where `app_dir` is not in a git repository, a revision does not exist, has no such app, or its
    requirements cannot be installed.
    """
    top = Path(
        _git(
            app_dir,
            "rev-parse",
            "--show-toplevel",
            what=f"{app_dir} is not in a git repository; name the folder of an app that is: ab FOLDER",
        )
    )
    inside = app_dir.resolve().relative_to(top.resolve())
    with tempfile.TemporaryDirectory(prefix="durable-harness-ab-") as folder, contextlib.ExitStack() as worktrees:
        roots = [
            worktrees.enter_context(_tree(top, revision, Path(folder) / side))
            for side, revision in (("base", base), ("head", head))
        ]
        labels = [_label(top, revision) for revision in (base, head)]
        apps = [_app(top, root, inside, label) for root, label in zip(roots, labels, strict=True)]
        pythons = _pythons(apps, Path(folder))
        first, second = (
            Version(label, app, python, _environment(root))
            for label, app, python, root in zip(labels, apps, pythons, roots, strict=True)
        )
        yield first, second


@contextlib.contextmanager
def _tree(top: Path, revision: str, folder: Path) -> Iterator[Path]:
    if revision == WORKING_TREE:
        yield top
        return
    commit = _commit(top, revision)
    words = ("worktree", "add", "--detach", "--force", str(folder), commit)
    try:
        _git(top, *words, what=f"{revision} cannot be checked out")
        yield folder
    finally:
        _remove_worktree(top, folder)


def _remove_worktree(top: Path, folder: Path) -> None:
    """Remove a worktree, also one that git was interrupted in making, which it keeps locked."""
    try:
        _git(top, "worktree", "remove", "--force", "--force", str(folder), what="it cannot be removed")
    except UsageError:
        with contextlib.suppress(UsageError):
            _git(top, "worktree", "unlock", str(folder), what="it is not locked")
        shutil.rmtree(folder, ignore_errors=True)
        _git(top, "worktree", "prune", what=f"the worktree {folder} cannot be removed")


def _commit(top: Path, revision: str) -> str:
    what = f"'{revision}' is not a revision of this repository. In CI fetch it first (actions/checkout: fetch-depth: 0)"
    return _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", what=what)


def _label(top: Path, revision: str) -> str:
    return "working tree" if revision == WORKING_TREE else f"{revision} ({_commit(top, revision)[:8]})"


def _app(top: Path, root: Path, inside: Path, label: str) -> Path:
    app = root / inside
    if not is_app(app):
        raise UsageError(f"{label} has no function_app.py in {inside}. Say where the app is: ab FOLDER, or --app.")
    own = top / inside / OWN_SETTINGS
    if own.is_file() and not (app / OWN_SETTINGS).exists():
        shutil.copy(own, app)
    return app


def _environment(root: Path) -> dict[str, str]:
    """Have a revision of the harness itself served by that revision."""
    try:
        project = read_toml(root / "pyproject.toml").get("project", {})
    except (OSError, ValueError):
        return {}
    if project.get("name") != OWN_NAME:
        return {}
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(root / "src"), *([inherited] if inherited else [])])}


def _pythons(apps: list[Path], folder: Path) -> list[str]:
    texts = [_text(app / REQUIREMENTS) for app in apps]
    if texts[0] == texts[1]:
        return [sys.executable, sys.executable]
    return [_python_with(app / REQUIREMENTS, folder / f"venv-{number}") for number, app in enumerate(apps)]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _python_with(requirements: Path, folder: Path) -> str:
    """Make a virtual environment with these requirements, and behind them everything that is installed here."""
    _run([sys.executable, "-m", "venv", str(folder)], "a virtual environment cannot be made")
    python = python_of(folder)
    if requirements.is_file():
        _run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)],
            f"{requirements} cannot be installed",
        )
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=scheme))
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (packages / "zz_behind.pth").write_text("".join(lines), encoding="utf-8")
    return str(python)


def _git(where: Path, *words: str, what: str) -> str:
    return _run(["git", "-C", str(where), *words], what)


def _run(words: list[str], what: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - git, python and pip
            words,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_S,
        )
    except FileNotFoundError:
        raise UsageError(f"{what}: {words[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{what}: {Path(words[0]).name} was not done after {COMMAND_TIMEOUT_S:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise UsageError(what + (f":\n  {lines[-1]}" if lines else ""))
    return done.stdout.strip()
