"""The settings of an app in an evidence file: what may be seen, and what is only named."""

import importlib
import json

import pytest

from durable_harness.evidence.cuts import CutSecrets
from durable_harness.evidence.scene import LOCAL_FILE, app_items, known_secrets
from durable_harness.wording.foreign_text import BLANK

scene = importlib.import_module("durable_harness.evidence.scene")  # the package has a function of this name
SECRET = "s3cr3tvalue00"


def local_settings(tmp_path, text):
    """Return the local settings as they are in the file."""
    (tmp_path / LOCAL_FILE).write_bytes(text.encode())
    return scene._local_settings(tmp_path / LOCAL_FILE)


def test_only_plain_settings_are_shown(tmp_path):
    """Of other settings, and of connection strings, the names alone are kept; a byte order mark does not matter."""
    document = {"Values": {"PYTHON_X": "1", "Own": SECRET}, "ConnectionStrings": {"db": SECRET}, "Host": {"a": 1}}
    assert local_settings(tmp_path, "\ufeff" + json.dumps(document)) == {
        "Values": {"PYTHON_X": "1", "Own": BLANK},
        "ConnectionStrings": {"db": BLANK},
        "Host": {"a": 1},
    }


@pytest.mark.parametrize("document", [[], {"Values": []}, {"Other": 1}])
def test_settings_without_values_are_kept(tmp_path, document):
    """A file without an object of values has no settings to blank here."""
    assert local_settings(tmp_path, json.dumps(document)) == document


@pytest.mark.parametrize("text", [None, "{", "[]", '{"Values": []}'])
def test_settings_that_cannot_be_read_have_no_secrets(monkeypatch, tmp_path, text):
    """Where no settings can be read, the secrets of the environment are known anyway."""
    monkeypatch.setattr(scene.os, "environ", {"DB_PASSWORD": SECRET})
    if text is not None:
        (tmp_path / LOCAL_FILE).write_text(text)
    assert known_secrets(tmp_path) == [SECRET]


def test_only_files_that_are_there_are_items(tmp_path):
    """An app without settings files has none in its evidence, and each that is there is one."""
    assert list(app_items(tmp_path)) == []
    for name in ("host.json", LOCAL_FILE, "requirements.txt"):
        (tmp_path / name).write_text("{}")
    assert [item.name for item in app_items(tmp_path)] == [
        "app/host.json",
        "app/local.settings.json",
        "app/requirements.txt",
    ]


def test_a_system_may_lack_what_is_shown(monkeypatch):
    """Where a system has no affinity and no load, there are none; a package without a name is left out."""
    monkeypatch.delattr(scene.os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(scene.os, "getloadavg", raising=False)
    assert (scene._usable_cpus(), scene._load_average()) == (None, None)
    found = [type("Found", (), {"metadata": {"Name": name}, "version": "1"}) for name in (None, "a")]
    monkeypatch.setattr(scene, "distributions", lambda: found)
    assert list(scene._packages()) == [("a", "1")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key {SECRET[:9]}… end", f"key {BLANK}… end"),
        (f"key {SECRET[:9]} and… end", f"key {SECRET[:9]} and… end"),
        (f"key {SECRET[:4]}… end", f"key {SECRET[:4]}… end"),
        (f"x 5 more characters … {SECRET[4:]} end", f"x 5 more characters … {BLANK} end"),
        ("x 5 more characters … other end", "x 5 more characters … other end"),
        (f"{SECRET[:9]}… and {SECRET[:8]}…", f"{BLANK}… and {BLANK}…"),
    ],
)
def test_what_a_cut_left_of_a_secret_is_blanked(text, expected):
    """The beginning before a cut and the end behind it are blanked, words that only begin alike are not."""
    assert CutSecrets([SECRET]).blanked(text) == expected
    assert CutSecrets(["short"]).blanked(text) == text
