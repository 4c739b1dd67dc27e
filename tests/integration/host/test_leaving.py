"""The end of a host: exit handlers of the app run, and no thread of the app holds it up."""

import pytest

from durable_harness.stack import embedded_stack

CODE = """
import atexit
import pathlib
import threading
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
here = pathlib.Path(__file__).parent

@atexit.register
def say_goodbye():
    with (here / "handlers").open("a") as file:
        file.write("goodbye\\n")

@app.route("plain")
def plain(req): return "done"

@app.route("busy")
def busy(req):
    (here / "busy").touch()
    time.sleep(600)

@app.route("thread")
def thread(req):
    threading.Thread(target=time.sleep, args=[600]).start()
    return "done"

@app.route("stuck")
def stuck(req):
    atexit.register(time.sleep, 600)
    return "done"
"""


@pytest.fixture
def app(tmp_path):
    """Return the folder of an app with an exit handler and functions that keep threads."""
    (tmp_path / "function_app.py").write_text(CODE)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    return tmp_path


def begin_busy(client, app, wait_until):
    """Start a plain function that does not end, by a request whose answer is not awaited."""
    with pytest.raises(Exception, match="timed out"):
        client.get("/api/busy", timeout=0.5)
    wait_until((app / "busy").exists, "the function to run")


@pytest.mark.parametrize("paths", [(), ("plain",), ("thread",), ("busy",), ("plain", "thread", "busy")], ids="+".join)
def test_exit_handlers_run_once(app, client_of, wait_until, paths):
    """They do when no function has run, when some have, and when threads of the app do not end."""
    with embedded_stack(app) as stack:
        client = client_of(stack)
        for path in paths:
            if path == "busy":
                begin_busy(client, app, wait_until)
            else:
                assert client.get(f"/api/{path}").text == "done"
    assert (app / "handlers").read_text() == "goodbye\n"


def test_an_exit_handler_that_does_not_end_is_given_up(app, client_of, wait_until):
    """Where the interpreter cannot end by itself, a handler that waits does not keep the process."""
    with embedded_stack(app) as stack:
        client = client_of(stack)
        assert client.get("/api/stuck").text == "done"
        begin_busy(client, app, wait_until)
    assert stack.exit_code() == 0
