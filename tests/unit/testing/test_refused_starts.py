"""How a refused start is reported to a test: the request as it was sent, and what the route takes."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from durable_harness.operations import HttpResponse
from durable_harness.stack import RunningStack
from durable_harness.testing.operations import Operations
from durable_harness.testing.route_hints import explain_unknown_route

NOT_FOUND = HttpResponse(404, {}, b"")


class Refusing(BaseHTTPRequestHandler):
    """Answers every PUT with the status in its path."""

    def do_PUT(self):
        self.send_response(int(self.path.rpartition("/")[2]))
        self.end_headers()
        self.wfile.write(b"already submitted")

    def do_GET(self):
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def operations(tmp_path):
    """Yield what starts operations of a server that refuses all of them."""
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield Operations(RunningStack("remote", f"http://127.0.0.1:{server.server_port}", None, None), tmp_path)
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("status", [409, 404])
def test_a_refused_start_names_its_own_method(operations, status):
    """The request is named once, by the method that was sent, without advice that is for load tests."""
    with pytest.raises(AssertionError) as failed:
        operations.start(f"/api/samples/{status}", {}, method="PUT")
    first = str(failed.value).splitlines()[0]
    assert first == f"start refused: PUT /api/samples/{status} answered {status} already submitted"


class Listing:
    """Stands for the client of a host that lists these routes."""

    def __init__(self, *routes):
        bindings = [{"type": "httpTrigger", "methods": ["put"]}]
        self.functions = [
            {"invoke_url_template": f"http://h{route}", "config": {"bindings": bindings}} for route in routes
        ]

    def request(self, *_, **__):
        return HttpResponse(200, {}, json.dumps(self.functions).encode())


SAMPLES = "/v1/labs/{lab}/samples/{sample_id:int}"


@pytest.mark.parametrize(
    ("route", "path", "misfit"),
    [
        (SAMPLES, "/v1/labs/a/samples/x", "'x' is not {sample_id:int}"),
        (SAMPLES, "/v1/labs/a/samples/4", ""),
        ("/a/{id:int:range(3,9)}", "/a/12", "'12' is not {id:int:range(3,9)}"),
        ("/a/{name:alpha=me}", "/a/12", "'12' is not {name:alpha=me}"),
        ("/a/{name:regex(^\\d:\\d$)?}", "/a/1%3A2", ""),
        ("/a/{name:unheard}", "/a/x", ""),
        ("/a/{*rest}", "/a/b/c", ""),
    ],
)
def test_a_constraint_that_a_path_does_not_meet_is_named(route, path, misfit):
    """If a path misses only a constraint, route and part are named; otherwise the function itself answered 404."""
    message = explain_unknown_route(Listing(route), "PUT", path, NOT_FOUND)
    assert message == (f"PUT {path}: no route takes this path (404).\n  PUT {route}: {misfit}" if misfit else "")
