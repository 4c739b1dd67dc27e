"""Our verdicts against those of Microsoft's own indexing, azure-functions-runtime, over the same apps."""

from pathlib import Path

import pytest
from generated import APPS

import rooms

REPOSITORY = Path(__file__).parents[2]
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(rooms.ROOM_TIMEOUT_S)]


def test_the_expected_verdicts_are_the_referees(generated_folders, referee):
    """What the table of generated apps expects is what Azure's worker does, app by app."""
    found = referee(generated_folders.values())
    wrong = {
        name: found[folder]
        for name, folder in generated_folders.items()
        if (found[folder] is None) != (APPS[name].verdict is None or APPS[name].is_the_hosts)
    }
    assert wrong == {}


def test_the_worker_takes_every_app_of_these_tests(referee):
    """Each app that the tests run would have its functions in Azure."""
    folders = [file.parent for file in (REPOSITORY / "tests" / "apps").glob("*/function_app.py")]
    folders += [REPOSITORY, REPOSITORY / "tests" / "plugin" / "app"]
    assert {folder: why for folder, why in referee(folders).items() if why is not None} == {}
