"""Our verdicts against those of Microsoft's own indexing, azure-functions-runtime, over the same apps."""

from pathlib import Path

import pytest
from folders import FOLDERS
from generated import apps_for

import rooms

REPOSITORY = Path(__file__).parents[2]
APPS = REPOSITORY / "tests" / "apps"
ONLY_FOR = {"folders": 1, "native": 2}
"""The apps that are written for one generation of the SDK."""
WITHOUT_AIOHTTP = {2: {"outside"}}
"""The apps that import what the referee's environment of a generation does not have."""
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(rooms.ROOM_TIMEOUT_S)]


def differences(referee, apps, folders):
    """Return the referee's answers for the apps where it disagrees with the table."""
    found = referee(folders.values())
    return {
        name: found[folder]
        for name, folder in folders.items()
        if (found[folder] is None) != (apps[name].verdict is None or apps[name].is_the_hosts)
    }


def test_the_expected_verdicts_are_the_referees(generated_folders, referee, generation):
    """What the table of generated apps expects is what Azure's worker does, app by app."""
    assert differences(referee, apps_for(generation), generated_folders) == {}


def test_the_expected_verdicts_on_folders_are_the_referees(folder_apps, referee, generation):
    """The same for function.json files, as far as the worker sees them; what the host reads is left to it."""
    if generation > 1:
        pytest.skip("function.json apps are for version 1 of the SDK, whose part of this test runs")
    seen = {name: folder for name, folder in folder_apps.items() if not FOLDERS[name].is_the_hosts}
    assert differences(referee, FOLDERS, seen) == {}


def test_the_worker_takes_every_app_of_these_tests(referee, generation):
    """Each app that the tests run would have its functions in Azure."""
    missing = WITHOUT_AIOHTTP.get(generation, set())
    names = [file.parent.name for file in APPS.glob("*/host.json") if file.parent.name not in missing]
    folders = [APPS / name for name in names if ONLY_FOR.get(name, generation) == generation]
    folders += [REPOSITORY, REPOSITORY / "tests" / "plugin" / "app"]
    assert {folder: why for folder, why in referee(folders).items() if why is not None} == {}
