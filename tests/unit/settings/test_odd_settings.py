"""Settings files with unexpected contents: named, or left out, never a traceback."""

import json

import pytest

from durable_harness.errors import ConfigurationError
from durable_harness.settings.known_keys import notes_on
from durable_harness.settings.local_settings import read_local_settings
from durable_harness.settings.setting_keys import KeyReader


def test_a_section_that_is_no_object_is_named():
    """The name in the error is that of the section, in which nothing can be looked up."""
    reader = KeyReader("host.json", {"Extensions": 3})
    with pytest.raises(ConfigurationError, match=r"extensions: must be a JSON object"):
        reader.get("extensions.durableTask.hubName")
    assert KeyReader("host.json", {"Extensions": {"A": 1}}).get("extensions.a") == 1
    assert KeyReader("host.json", {}).get("extensions.a") is None


@pytest.mark.parametrize("value", [[], {}, True])
def test_a_text_is_no_object(value):
    """A setting of one text that is something else is an error with its value; a number is taken as text."""
    with pytest.raises(ConfigurationError, match="hubName: must be text, not"):
        KeyReader("host.json", {"hubName": value}).text("hubName", "default")
    assert KeyReader("host.json", {"hubName": 7}).text("hubName", "default") == "7"
    assert KeyReader("host.json", {}).text("hubName", "default") == "default"


def local(tmp_path, **content):
    (tmp_path / "local.settings.json").write_text(json.dumps(content))
    return read_local_settings(tmp_path)


def test_connection_strings_are_settings(tmp_path):
    """A connection string may be a text or an object with one; anything else is left out."""
    strings = {"a": "x", "b": {"ConnectionString": "y"}, "c": 3, "d": {}}
    found = local(tmp_path, ConnectionStrings=strings).values
    assert found == {"ConnectionStrings:a": "x", "ConnectionStrings:b": "y"}


def test_values_without_name_or_value_are_reported(tmp_path):
    """They are skipped with a warning; numbers are texts, and an object is an error."""
    found = local(tmp_path, Values={"": "x", "a": None, "b": 7})
    assert found.values == {"b": "7"}
    assert len(found.warnings) == 2
    with pytest.raises(ConfigurationError, match=r"Values\.a: an app setting must be text"):
        local(tmp_path, Values={"a": {}})


def test_an_unknown_key_gets_advice():
    """A key that is nearly right is reported with the one that is meant; a section that is no object hides nothing."""
    (note,) = notes_on({"extensions": {"durableTask": {"hubNam": "x"}}})
    assert "did you mean extensions.durableTask.hubName?" in note
    assert notes_on({"extensions": 3}) == ()
