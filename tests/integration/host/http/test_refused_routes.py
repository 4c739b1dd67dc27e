"""A function whose route the Functions host does not take is left out; the others of its app run."""

import pytest

from durable_harness.errors import AppLoadError
from durable_harness.stack import embedded_stack

APP = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""
FUNCTIONS = """
@app.route("parcels", methods=["GET"])
def list_parcels(req): return "list"

@app.route("/PARCELS/", methods=["POST"])
def add_parcel(req): return "add"

@app.route("parcels")
def move_parcel(req): return "move"

@app.route("administration/users")
def users(req): return "users"

@app.route()
def admin_reset(req): return "reset"

@app.route("Runtime-info")
def info(req): return "info"

@app.route("my/admin")
def mine(req): return "mine"

@app.route("  ")
def blank(req): return "blank"
"""
REFUSED = {
    "users": "the route 'administration/users' begins with 'admin', which is reserved for the host",
    "admin_reset": "the route 'admin_reset' begins with 'admin'",
    "info": "the route 'Runtime-info' begins with 'runtime'",
    "move_parcel": "the route 'parcels' is that of function add_parcel too",
}


def folder_of(tmp_path_factory, functions):
    """Return a folder with an app of these functions."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "function_app.py").write_text(APP + functions)
    (folder / "host.json").write_text('{"version": "2.0"}')
    return folder


@pytest.fixture(scope="module")
def parcels(running_apps, tmp_path_factory):
    """Return an app with good routes, reserved ones and one that is taken."""
    return running_apps(folder_of(tmp_path_factory, FUNCTIONS))


@pytest.mark.parametrize("name", REFUSED)
def test_the_start_names_the_refused_function_and_the_reason(parcels, name):
    """There is one error for each, and the list says that it does not load."""
    printed = parcels.stack.log_path.read_text()
    assert f"error: function_app.py: function {name}: {REFUSED[name]}" in printed
    assert f"\t{name}: does not load\n" in printed
    assert "The other functions run." in printed


@pytest.mark.parametrize("path", ["administration/users", "admin_reset", "runtime-info"])
def test_a_reserved_route_is_not_served(parcels, path):
    """It is 404, whatever else the route has behind the reserved word."""
    assert parcels.get(f"/api/{path}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "parcels", "list"), ("POST", "parcels", "add"), ("GET", "my/admin", "mine"), ("GET", "blank", "blank")],
)
def test_the_other_functions_run(parcels, method, path, body):
    """Routes without a method in common are no conflict; a reserved word further back or a blank route is none."""
    assert parcels.request(method, f"/api/{path}").text == body


def test_the_method_of_the_refused_function_has_no_route(parcels):
    """What only the function with the conflict would have taken is 404."""
    assert parcels.request("PUT", "/api/parcels").status_code == 404


def test_the_first_function_by_name_keeps_a_shared_route(running_apps, tmp_path_factory):
    """The order in the script does not matter, as the Functions host sorts them by name."""
    functions = '\n@app.route("x")\ndef zebra(req): return "z"\n\n@app.route("x")\ndef Ant(req): return "a"\n'
    assert running_apps(folder_of(tmp_path_factory, functions)).get("/api/x").text == "a"


def test_an_app_that_has_no_other_function_does_not_start(tmp_path_factory):
    """The start ends with the reason."""
    folder = folder_of(tmp_path_factory, '\n@app.route("admin")\ndef only(req): return ""\n')
    with (
        pytest.raises(AppLoadError, match="function only: the route 'admin' begins with 'admin'"),
        embedded_stack(folder),
    ):
        pass
