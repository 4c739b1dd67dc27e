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
from importlib.metadata import version
from pathlib import Path

import pytest

FIND_PYTHON = Path(__file__).parents[1] / "tools" / "find-python.sh"
CACHE = Path(__file__).parents[1] / "build" / "rooms"
AGENTS = Path(__file__).parents[1] / "examples" / "agents" / "requirements.txt"
"""Microsoft's Agent Framework; the app that shows it is an example of its own."""
INSTALL_TIMEOUT_S = 300
NEEDS_SDK1 = "needs azure-functions-durable 1.x: run it in the environment that plain `make test` makes"
ROOM_TIMEOUT_S = INSTALL_TIMEOUT_S + 120
"""What a test that may be the one to install a room has in all."""


def sdk_generation():
    """Return which generation of azure-functions-durable the tests run with: 1 or 2."""
    return int(version("azure-functions-durable").partition(".")[0])


def packages(requirements):
    """Return a folder with these packages for the Python that runs the tests, to be put on an import path."""
    return _made(sys.executable, Path(requirements), _install_packages)


def environment(requirements, python_version):
    """Return the Python of an environment of its own with these packages, for a Python such as (3, 13)."""
    return _made(_python(python_version), Path(requirements), _install_environment) / "bin" / "python"


def environment_beside_ours(requirements):
    """Return the Python of an environment that has these packages on top of those that run the tests."""
    return _made(sys.executable, Path(requirements), _install_beside_ours) / "bin" / "python"


def leave_out(reason):
    """End a test that lacks what it needs."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def _python(wanted):
    if sys.version_info[:2] == wanted:
        return sys.executable
    name = ".".join(map(str, wanted))
    found = subprocess.run([FIND_PYTHON, name], capture_output=True, text=True, check=False)
    if found.returncode:
        leave_out(f"Python {name} is not installed: put python{name} on PATH, or run `pyenv install {name}`")
    return found.stdout.strip()


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
