"""What a function says about the framing of its response does not break it on the wire."""

import http.client
from urllib.parse import urlsplit

import pytest

CODE = """
import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
HEADERS = {
    "chunked": {"Transfer-Encoding": "chunked"},
    "long": {"Content-Length": "999"},
    "short": {"content-length": "2"},
    "odd": {"Content-Length": "two"},
    "closing": {"Connection": "close", "Keep-Alive": "timeout=5", "Upgrade": "h2c", "Trailer": "X"},
    "broken": {"X-Shop": "a\\r\\nX-Other: b"},
    "cookie": {"Set-Cookie": "a=1\\nX: b"},
    "name": {"X Shop": "a"},
}

@app.route("headers/{name}")
def headers(req):
    return func.HttpResponse("hello", headers=HEADERS[req.route_params["name"]])

@app.route("object/{name}")
def as_object(req):
    return json.dumps({"body": "hello", "headers": HEADERS[req.route_params["name"]]})

@app.route("status/{status:int}")
def status(req):
    return func.HttpResponse("hello", status_code=int(req.route_params["status"]))

@app.route("head", methods=["HEAD"])
def head(req):
    return func.HttpResponse(headers={"Content-Length": "1234"})
"""
HARMLESS = ("chunked", "long", "short", "odd", "closing")


@pytest.fixture(scope="module")
def app(running_apps, tmp_path_factory):
    """Return an app whose functions say what only the host can know."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "function_app.py").write_text(CODE)
    (folder / "host.json").write_text('{"version": "2.0"}')
    return running_apps(folder)


@pytest.fixture
def connection(app):
    """Yield one connection for all requests of a test: what is left of one response would be read as the next."""
    address = urlsplit(app.stack.base_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    yield connection
    connection.close()


def answer(connection, path, method="GET"):
    """Return status, headers and body of an answer."""
    connection.request(method, f"/api/{path}")
    response = connection.getresponse()
    return response.status, response.headers, response.read()


@pytest.mark.parametrize("form", ["headers", "object"])
def test_headers_of_the_connection_are_the_hosts(connection, form):
    """The body comes whole with its own length, and the connection serves the next request."""
    for name in HARMLESS:
        status, headers, body = answer(connection, f"{form}/{name}")
        assert (status, body, headers.get_all("Content-Length")) == (200, b"hello", ["5"]), name
        assert not {"Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer"} & set(headers), name


@pytest.mark.parametrize("name", ["broken", "cookie", "name"])
def test_a_header_that_would_break_the_response_is_a_500(app, connection, name):
    """No line break of a header reaches the wire; the log has the reason."""
    status, headers, _ = answer(connection, f"object/{name}")
    assert status == 500
    assert not {"X-Other", "X"} & set(headers)
    assert "UnusableResultError: answered with the header" in app.stack.log_path.read_text()
    assert answer(connection, "status/200")[0] == 200


@pytest.mark.parametrize("status", [0, 100, 101, 199, 1000])
def test_a_status_that_ends_no_request_is_a_500(app, connection, status):
    """The log names it and says what is expected."""
    assert answer(connection, f"status/{status}")[0] == 500
    assert f"answered with the status {status}; expected a status from 200 on" in app.stack.log_path.read_text()


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"hello"), (204, b""), (304, b""), (599, b"hello"), (999, b"hello")]
)
def test_other_statuses_are_sent(connection, status, body):
    """Those without a body have none, whatever the function returned."""
    sent, _, received = answer(connection, f"status/{status}")
    assert (sent, received) == (status, body)
    assert answer(connection, "status/200")[2] == b"hello"


def test_head_has_the_length_that_the_function_declares(connection):
    """The answer to HEAD has the length of the body which GET would have."""
    status, headers, body = answer(connection, "head", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "1234", b"")
    assert answer(connection, "status/200")[2] == b"hello"
