"""An error of a file of scenarios names the user's own line."""

import os
from importlib import import_module
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.scenario_mistakes import error_of


@pytest.fixture
def error_text(tmp_path, monkeypatch):
    """Return error_text(source): the message for a file of scenarios with this source."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "scenarios_with_mistakes.py"

    def run(source):
        path.write_text(source)
        with pytest.raises(Exception) as caught:
            exec(compile(path.read_bytes(), str(path), "exec"), {})
        found = error_of(str(path), caught.value)
        assert isinstance(found, UsageError)
        return str(found)

    return run


def test_an_error_names_the_line_that_raised_it(error_text):
    """The last line of the user's is shown, with the file relative to the folder."""
    text = error_text("import json\n\njson.loads('nothing')\n")
    assert text.startswith("scenarios_with_mistakes.py does not import: JSONDecodeError: ")
    assert text.endswith("\n  scenarios_with_mistakes.py:3: json.loads('nothing')")


def test_a_syntax_error_names_its_line(error_text):
    """The place is that of the mistake, and is not twice in the message."""
    text = error_text("x = 1\nif x\n    pass\n")
    assert text.endswith("\n  scenarios_with_mistakes.py:2: if x")
    assert text.count("scenarios_with_mistakes.py") == 2


def test_an_error_without_a_line_of_the_users():
    """An error that came through no file of the user's is named alone, as is a syntax error without a file."""
    assert str(error_of("/elsewhere/a.py", ValueError("odd"))) == "/elsewhere/a.py does not import: ValueError: odd"
    assert str(error_of("/elsewhere/a.py", SyntaxError("odd"))) == "/elsewhere/a.py does not import: SyntaxError: odd"


def test_an_error_in_installed_code_alone_has_no_line():
    """Lines of Python's own library are not the user's."""
    with pytest.raises(ModuleNotFoundError) as caught:
        import_module("no_such_module_at_all")
    ours = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert Path(os.__file__).parent in Path(ours.__traceback__.tb_frame.f_code.co_filename).parents
    assert "\n" not in str(error_of("/elsewhere/a.py", ours))


def test_an_error_of_usage_stays_as_it_is():
    """What a scenario refuses in our words is passed on."""
    refused = UsageError("a scenario needs a path")
    assert error_of("a.py", refused) is refused
