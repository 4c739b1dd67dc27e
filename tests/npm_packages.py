"""The npm packages of a test room: installed once for each lock file under build/, for all test workers."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[1] / "build" / "npm"
OLDEST_NODE = 18
INSTALL_TIMEOUT_S = 100  # below the time that a test may take, so that the reason is reported


def installed(room):
    """Return Node's path and the folder of a room's packages; skip, with what to do, where they cannot be had.

    With CI=true that is a failure: there, what is left out in silence is not tested at all.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _leave_out("Node and npm are not installed: apt-get install nodejs npm")
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(re.match(r"v(\d+)", found)[1]) < OLDEST_NODE:
        _leave_out(f"Node is {found}; these tests need {OLDEST_NODE} or later: npm install --global node")
    lock = (room / "package-lock.json").read_bytes()
    target = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (target / "complete").exists():
            _install(npm, room, target)
    return node, target / "node_modules"


def _leave_out(reason):
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def _install(npm, room, target):
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(room / name, target)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    environment = {**os.environ, "npm_config_update_notifier": "false"}
    try:
        done = subprocess.run(
            command, cwd=target, env=environment, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        _leave_out(f"npm ci took more than {INSTALL_TIMEOUT_S} s: is the npm registry reachable? Try again")
    if done.returncode:
        _leave_out(f"npm ci failed: is the npm registry reachable? Try it in {room}. {done.stderr.strip()[:400]}")
    (target / "complete").touch()
