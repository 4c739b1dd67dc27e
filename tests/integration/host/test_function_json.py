"""Apps of function.json files, written as Microsoft's samples for them are: the folders app runs every pattern."""

import re
import shutil
from pathlib import Path

import pytest

import rooms
from durable_harness.errors import AppLoadError
from durable_harness.stack import embedded_stack

pytestmark = pytest.mark.skipif(rooms.sdk_generation() > 1, reason=rooms.NEEDS_SDK1)
APP = Path(__file__).parents[2] / "apps" / "folders"


@pytest.fixture
def folders(running_apps):
    """Return the client of the app whose functions are folders."""
    return running_apps(APP)


def start(client, orchestrator, value):
    """Start by the app's own HTTP starter; return the instance id."""
    response = client.post(f"/api/orchestrators/{orchestrator}", json=value)
    assert response.status_code == 202, response.text
    return response.json()["id"]


@pytest.mark.parametrize(
    ("orchestrator", "value", "output"),
    [
        ("Chaining", ["Oslo", "Rome"], ["Hello Oslo!", "Hello Rome!"]),
        ("fan_out_fan_in", 3, 30),
        ("Monitor", {"polls": 3}, "Hello after 3!"),
        ("Count", None, 5),
    ],
    ids=["chaining", "fan-out by scriptFile and entryPoint", "monitor with timers", "entity"],
)
def test_each_pattern_runs(folders, orchestrator, value, output):
    """Orchestrators, activities and entities find each other by their durable names, whichever script they are in."""
    status = folders.wait_terminal(start(folders, orchestrator, value))
    assert (status["runtimeStatus"], status["output"]) == ("Completed", output)


def test_a_person_is_waited_for(folders):
    """An event reaches an orchestrator that waits for it beside a timer."""
    instance_id = start(folders, "Approval", None)
    folders.raise_event(instance_id, "Approval", "by Ann")
    assert folders.wait_terminal(instance_id)["output"] == "Hello: by Ann"


def test_a_route_with_an_optional_part(folders, key):
    """A route's optional parameter becomes the instance id that the starter gives."""
    response = folders.post(f"/api/orchestrators/Chaining/{key}", json=["Oslo"])
    assert response.json()["id"] == key


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_a_binding_leaves_out(folders, method):
    """Without route and methods the folder's name is the route and every method is served, also in host.json's hub."""
    answer = folders.request(method, "/api/where").json()
    assert answer == {"name": "Where", "folder": "Where", "module": "__app__.Where", "hub": "folders"}


@pytest.mark.parametrize("name", ["Retired", "OffBySetting"])
def test_disabled_functions_are_listed_and_not_served(folders, name):
    """`disabled`, by itself or by a setting of that name, takes a function out; the start lists it as disabled."""
    assert folders.get(f"/api/{name}").status_code == 404
    assert f"\t{name}: disabled" in folders.stack.log_path.read_text()


def test_with_a_script_the_folders_are_left_out(tmp_path, running_apps):
    """An app in both models has the functions of its script; a warning names those that are not loaded."""
    shutil.copytree(APP, tmp_path / "both")
    (tmp_path / "both" / "function_app.py").write_text(
        "import azure.functions as func\n\napp = func.FunctionApp()\n\n"
        "@app.route(route='one', auth_level='anonymous')\ndef one(req): return 'the only one'\n"
    )
    both = running_apps(tmp_path / "both")
    assert both.get("/api/one").text == "the only one"
    assert both.get("/api/where").status_code == 404
    printed = both.stack.log_path.read_text()
    assert "warning: both models are in this app" in printed
    assert "Approval, Chaining, Count, Counter, FanOut, Hello" in printed


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """Return a copy of the app in which an activity, an HTTP function, an orchestrator and a file are broken."""
    copy = tmp_path_factory.mktemp("damaged") / "app"
    shutil.copytree(APP, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "Hello" / "__init__.py").write_text("import no_such_module\n")
    (copy / "Where" / "__init__.py").write_text("def main(request, nothing_binds_me): ...\n")
    (copy / "Monitor" / "__init__.py").write_text("raise RuntimeError('not today')\n")
    (copy / "Count" / "function.json").write_text('{"bindings": [}')
    return copy


BROKEN = {
    "Hello": "no_such_module",
    "Where": "nothing_binds_me",
    "Monitor": "RuntimeError: not today",
    "Count": "Count/function.json",
}


def test_functions_that_do_not_load_leave_the_others_running(damaged, running_apps):
    """The start names each with the reason, lists it as broken, and serves the rest."""
    app = running_apps(damaged)
    assert app.wait_terminal(start(app, "fan_out_fan_in", 3))["output"] == 30
    printed = app.stack.log_path.read_text()
    errors = re.findall(r"^error: .*(?:\n  .*)*", printed, re.MULTILINE)
    assert len(errors) == len(BROKEN)
    for name, reason in BROKEN.items():
        assert f"\t{name}: does not load\n" in printed
        assert any(reason in error and "The other functions run." in error for error in errors)
    assert "Traceback" not in printed


def test_calling_a_function_that_does_not_load_shows_the_reason(damaged, running_apps):
    """An HTTP function answers 500, its reason in the log; an orchestration fails with that of its activity."""
    app = running_apps(damaged)
    assert app.get("/api/where").status_code == 500
    assert "Function 'Where' failed: FunctionLoadError: " in app.stack.log_path.read_text()
    ended = app.wait_terminal(start(app, "Chaining", ["Oslo"]))
    assert ended["runtimeStatus"] == "Failed"
    assert "no_such_module" in ended["output"]


@pytest.mark.parametrize("name", ["Monitor", "Count"])
def test_an_orchestrator_that_does_not_load_is_not_started(damaged, running_apps, name):
    """The durable HTTP API refuses the start with the reason."""
    refused = running_apps(damaged).post(f"/runtime/webhooks/durabletask/orchestrators/{name}")
    assert refused.status_code == 400
    assert BROKEN[name] in refused.text


def test_an_app_of_which_nothing_loads_does_not_start(damaged):
    """If all functions that are asked for are broken, the start ends with the reasons and the exit code of an app."""
    with pytest.raises(AppLoadError) as ended, embedded_stack(damaged, serve_args=["--functions", "Hello", "Monitor"]):
        pass
    assert all(BROKEN[name] in str(ended.value) for name in ("Hello", "Monitor"))
