"""Verdicts on apps: ours, in this Python, and those of Microsoft's own indexing, in Python 3.13."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from folders import FOLDERS
from generated import APPS

import rooms

PROGRAM = Path(__file__).parent / "verdicts.py"


def verdicts(python, who, folders, import_path=()):
    """Index the apps of these folders in one process; return for each why it was refused, or None."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, import_path))}
    done = subprocess.run(
        [python, str(PROGRAM), who, *map(str, folders)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return {Path(line["app"]): line["refused"] for line in map(json.loads, done.stdout.splitlines())}


def written(app, folder):
    """Write a generated app."""
    for name, text in app.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.fixture(scope="session")
def generated_folders(tmp_path_factory):
    """Return the folders of all generated apps by their names."""
    root = tmp_path_factory.mktemp("generated")
    return {name: written(app, root / f"app{number}") for number, (name, app) in enumerate(APPS.items())}


@pytest.fixture(scope="session")
def folder_apps(tmp_path_factory):
    """Return the folders of all generated apps of function.json files by their names."""
    root = tmp_path_factory.mktemp("folders")
    return {name: written(app, root / f"app{number}") for number, (name, app) in enumerate(FOLDERS.items())}


@pytest.fixture(scope="session")
def our_verdicts_on_folders(folder_apps):
    """Return our verdict on each generated app of function.json files."""
    found = verdicts(sys.executable, "ours", folder_apps.values())
    return {name: found[folder] for name, folder in folder_apps.items()}


@pytest.fixture(scope="session")
def our_verdicts(generated_folders):
    """Return our verdict on each generated app that needs no package beside the project's own."""
    folders = {name: folder for name, folder in generated_folders.items() if not APPS[name].needs}
    found = verdicts(sys.executable, "ours", folders.values())
    return {name: found[folder] for name, folder in folders.items()}


@pytest.fixture(scope="session")
def our_verdicts_on_extensions(generated_folders):
    """Return our verdict on each generated app that needs Microsoft's extensions."""
    folders = {name: folder for name, folder in generated_folders.items() if APPS[name].needs}
    found = verdicts(sys.executable, "ours", folders.values(), [rooms.packages(PROGRAM.parent / "extensions.txt")])
    return {name: found[folder] for name, folder in folders.items()}


@pytest.fixture(scope="session", params=[1, 2], ids=["sdk 1", "sdk 2"])
def generation(request):
    """Return a generation of azure-functions-durable to judge apps with."""
    return request.param


@pytest.fixture(scope="session")
def referee(generation):
    """Return the judge: call it with folders to get why Azure's worker refuses each, or None."""
    python = rooms.environment(PROGRAM.parent / f"referee_sdk{generation}.txt", (3, 13))
    return lambda folders: verdicts(python, "referee", folders)
