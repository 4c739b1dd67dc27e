"""Packages for single test rooms, which the project itself does not need: installed once, under build/rooms.

A room that cannot be had is skipped with what to do; with CI=true that is a failure, as what is left out in silence is
not tested at all.
"""

import fcntl
import hashlib
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / "build" / "rooms"
INSTALL_TIMEOUT_S = 300
ROOM_TIMEOUT_S = INSTALL_TIMEOUT_S + 120
"""What a test that may be the one to install a room has in all."""


def packages(requirements):
    """Return a folder with these packages for the Python that runs the tests, to be put on an import path."""
    return _made(sys.executable, Path(requirements), _install_packages)


def environment(requirements, version):
    """Return the Python of an environment of its own with these packages, for a version such as (3, 13)."""
    return _made(_python(version), Path(requirements), _install_environment) / "bin" / "python"


def environment_beside_ours(requirements):
    """Return the Python of an environment that has these packages on top of those that run the tests."""
    return _made(sys.executable, Path(requirements), _install_beside_ours) / "bin" / "python"


def leave_out(reason):
    """End a test that lacks what it needs."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def _python(version):
    name = "python" + ".".join(map(str, version))
    if sys.version_info[:2] == version:
        return sys.executable
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{name.removeprefix('python')}*/bin/python"))
    found = next((path for path in (shutil.which(name), *map(str, pyenv)) if path and _runs(path)), None)
    if found is None:
        leave_out(f"{name} is not installed: put it on PATH, or run `pyenv install {name.removeprefix('python')}`")
    return found


def _runs(python):
    """Whether it is a Python: pyenv puts names on PATH that only report a version as not chosen."""
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


def _made(python, requirements, install):
    digest = hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()[:16]
    target = CACHE / f"{requirements.stem}-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{target.name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (target / "complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            install(python, requirements, target)
            (target / "complete").touch()
    return target


def _install_packages(python, requirements, target):
    _pip(python, requirements, "--target", str(target))


def _install_environment(python, requirements, target):
    subprocess.run([python, "-m", "venv", str(target)], check=True, capture_output=True)
    _pip(str(target / "bin" / "python"), requirements)


def _install_beside_ours(python, requirements, target):
    subprocess.run([python, "-m", "venv", "--without-pip", str(target)], check=True, capture_output=True)
    packages = next(target.glob("lib/python*/site-packages"))
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (packages / "ours.pth").write_text("".join(lines))
    _pip(str(target / "bin" / "python"), requirements)


def _pip(python, requirements, *arguments):
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    try:
        done = subprocess.run(
            [*command, "-r", str(requirements)], capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        leave_out(f"pip took more than {INSTALL_TIMEOUT_S} s: is the package index reachable? Try again")
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        leave_out(f"pip install -r {requirements} failed; is the package index reachable? {' '.join(errors)[:400]}")
