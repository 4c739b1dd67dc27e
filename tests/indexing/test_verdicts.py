"""Which apps are loaded and which are refused, with the reason and the place, on any Python."""

import pytest
from folders import FOLDERS
from generated import APPS

import rooms

PLAIN = [name for name, app in APPS.items() if not app.needs]
EXTENDED = [name for name, app in APPS.items() if app.needs]


def assert_verdict(app, refused):
    """Hold our verdict on an app against the expected one."""
    if app.verdict is None:
        assert refused is None
        return
    assert refused is not None, "it was loaded"
    assert app.gist.lower() in refused.lower()
    assert app.place in refused.replace('"', "")  # Python itself sets a file's name in quotes


@pytest.mark.parametrize("name", PLAIN)
def test_verdict(name, our_verdicts):
    """An app that Azure takes is loaded; any other is refused with its reason and the place in the app."""
    assert_verdict(APPS[name], our_verdicts[name])


@pytest.mark.timeout(rooms.ROOM_TIMEOUT_S)
@pytest.mark.parametrize("name", EXTENDED)
def test_verdict_on_extensions(name, our_verdicts_on_extensions):
    """The types of an extension fit its own bindings; the HTTP extension's are those of all HTTP functions."""
    assert_verdict(APPS[name], our_verdicts_on_extensions[name])


@pytest.mark.skipif(rooms.sdk_generation() > 1, reason=rooms.NEEDS_SDK1)
@pytest.mark.parametrize("name", FOLDERS)
def test_verdict_on_folders(name, our_verdicts_on_folders):
    """What is wrong with a function.json or its script is named with folder, file, line and key."""
    assert_verdict(FOLDERS[name], our_verdicts_on_folders[name])
