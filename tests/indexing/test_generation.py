"""Apps of function.json files and the SDK that is installed."""

from pathlib import Path

import pytest

from durable_harness.errors import AppLoadError
from durable_harness.host.app import function_json


def test_version_2_of_the_sdk_is_refused(monkeypatch):
    """With version 2, which has decorators only, the error names a folder, what is installed and what to install."""
    monkeypatch.setattr(function_json.importlib.metadata, "version", lambda name: "2.0.0rc3")
    with pytest.raises(AppLoadError) as refused:
        function_json.check_generation(Path("app/Hello"))
    assert str(refused.value).splitlines() == [
        "Hello/function.json: such apps need azure-functions-durable 1.x, and 2.0.0rc3 is installed.",
        "  Install that one: pip install 'azure-functions-durable<2'",
    ]


def test_version_1_of_the_sdk_is_taken(monkeypatch):
    """Any version 1 does."""
    monkeypatch.setattr(function_json.importlib.metadata, "version", lambda name: "1.3.3")
    function_json.check_generation(Path("app/Hello"))
