"""What is wrong with a function.json: the message has the folder, the key and the line."""

import json

import pytest

from durable_harness.errors import AppLoadError
from durable_harness.host.app.function_file import read_function_file

TRIGGER = {"name": "context", "type": "orchestrationTrigger", "direction": "in"}
RETRY = {"strategy": "fixedDelay", "maxRetryCount": 3, "delayInterval": "00:00:05"}


@pytest.fixture
def read(tmp_path):
    """Reads a function.json of a folder with a script."""
    folder = tmp_path / "Ship"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (tmp_path / "beside.py").touch()

    def read(text=None, **keys):
        document = text if text is not None else json.dumps({"bindings": [TRIGGER], **keys}, indent=1)
        (folder / "function.json").write_text(document)
        return read_function_file(folder)

    return read


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"disabled": 3}, "disabled: expected true, false or the name of an app setting"),
        ({"entryPoint": 3}, r"line 9: entryPoint: expected text, not 3\."),
        ({"scriptFile": "main.js"}, "scriptFile: 'main.js' is not a Python file"),
        ({"scriptFile": "../../main.py"}, "scriptFile: '../../main.py' is outside of the app's folder"),
        ({"scriptFile": "gone.py"}, "line 9: scriptFile: there is no 'gone.py' in Ship"),
        ({"retry": 3}, "retry: expected an object with strategy and maxRetryCount"),
        ({"retry": {**RETRY, "delayInterval": "soon"}}, "retry: delayInterval is .soon."),
        ({"retry": {**RETRY, "maxRetryCount": "x"}}, "retry: maxRetryCount is .x.\\. Expected a whole number"),
        ({"bindings": []}, "bindings: expected a list with at least a trigger"),
        ({"bindings": {}}, "bindings: expected a list with at least a trigger"),
        ({"bindings": [{"name": "out", "type": "queue"}]}, "bindings: found no trigger. A function has exactly one"),
        (
            {"bindings": [TRIGGER, {**TRIGGER, "name": "other"}]},
            r"bindings: found 2 triggers \(context, other\)\. A function has exactly one",
        ),
        ({"bindings": ["queue"]}, r"bindings\[0\]: expected an object with 'type' and 'name', not \"queue\""),
        ({"bindings": [{**TRIGGER, "type": 3}]}, r"line \d: bindings\[0\].type: expected text"),
        ({"bindings": [{**TRIGGER, "name": ""}]}, r"bindings\[0\].name: expected text"),
        ({"bindings": [{"type": 3, "name": 4}]}, r"line 2: bindings\[0\].type: expected text"),
        (
            {"bindings": [{**TRIGGER, "direction": "up"}]},
            r"bindings\[0\].direction: 'up' is not a direction. Expected in or out",
        ),
        (
            {"bindings": [TRIGGER, {"name": "Context", "type": "queue", "direction": "out"}]},
            "line 9: bindings: two bindings have the name 'Context'. Names must differ by more than case",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(read, keys, message):
    """Each value that Azure would not take is an error of the app's load, before anything of it runs."""
    with pytest.raises(AppLoadError, match=rf"^Ship/function\.json.*{message}"):
        read(**keys)


def test_a_file_that_is_no_json_names_its_folder(read):
    """All files of functions have the same name: the folder is what distinguishes them."""
    with pytest.raises(AppLoadError, match=r"^Ship/function\.json"):
        read("{")


def test_keys_are_read_in_any_case(read):
    """The Functions host ignores the case of keys, and so of a fixed delay; a direction is in by default."""
    found = read(ENTRYPOINT="go", Retry=RETRY, bindings=[{"Name": "context", "TYPE": "activityTrigger"}])
    assert (found.name, found.shown, found.entry_point) == ("Ship", "Ship/function.json", "go")
    assert found.bindings == ({"name": "context", "type": "activityTrigger", "direction": "in"},)
    assert found.retry is not None


def test_without_keys_the_defaults_hold(read, tmp_path):
    """The only script of a folder is taken, and `main` in it; there is no retry."""
    found = read()
    assert (found.script, found.entry_point, found.disabled, found.retry) == (
        (tmp_path / "Ship" / "__init__.py").resolve(),
        "main",
        False,
        None,
    )
    (tmp_path / "Ship" / "__init__.py").rename(tmp_path / "Ship" / "handler.py")
    assert read().script.name == "handler.py"


def test_a_script_beside_the_folder_may_be_shared(read):
    """A script of the app's folder may serve many functions."""
    assert read(scriptFile="../beside.py").script.name == "beside.py"
