"""Apps of the HTTP extension: FastAPI's requests and responses, bodies streamed in both directions."""

import http.client
import re
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import rooms

TESTS = Path(__file__).parents[3]
PIECE_BYTES = 65536
PIECES = 1536
"""96 MB, a little less than the body limit."""
MOST_GROWTH_BYTES = 32 * 1024 * 1024
pytestmark = pytest.mark.timeout(rooms.ROOM_TIMEOUT_S)


@pytest.fixture(scope="session")
def streams_dir(tmp_path_factory):
    """Return the folder of an app that has brought the extension along, as a deployed app does."""
    folder = tmp_path_factory.mktemp("streams") / "app"
    shutil.copytree(TESTS / "apps" / "streams", folder)
    packages = folder / ".python_packages" / "lib" / "site-packages"
    packages.parent.mkdir(parents=True)
    packages.symlink_to(rooms.packages(TESTS / "http_streams.txt"))
    return folder


@pytest.fixture
def streams(running_apps, streams_dir):
    """Return the client of that app."""
    return running_apps(streams_dir)


@pytest.fixture
def connection(streams):
    """Yield a bare connection to the app, on which a test sends and reads piece by piece."""
    address = urlsplit(streams.stack.base_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    yield connection
    connection.close()


def peak_bytes(client):
    """Return the most memory that the host has had at once."""
    status = Path(f"/proc/{client.stack.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def test_a_response_begins_before_its_end_is_made(streams, connection):
    """The first piece reaches the client while the function still waits for what the client does then."""
    connection.request("GET", "/api/halves")
    response = connection.getresponse()
    assert (response.status, response.read(6)) == (200, b"first\n")
    assert streams.post("/api/open").status_code == 200
    assert response.read() == b"last\n"


def test_a_request_is_seen_before_its_end_is_sent(streams):
    """A function reads the first piece of a body whose end the client sends only when it knows that."""
    address = urlsplit(streams.stack.base_url)
    with socket.create_connection((address.hostname, address.port)) as slow:
        slow.sendall(
            b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
        )
        assert streams.get("/api/seen").text == '"seen"'
        slow.sendall(b"4\r\nlast\r\n0\r\n\r\n")
        response = http.client.HTTPResponse(slow)
        response.begin()
        assert response.read() == b'{"size":9}'


def test_much_data_does_not_sit_in_memory(streams):
    """96 MB up and 96 MB down let the host grow by less than a third of one of them."""
    streams.get("/api/download/1")
    before = peak_bytes(streams)
    sent = streams.post("/api/upload", data=(b"x" * PIECE_BYTES for _ in range(PIECES)))
    assert sent.json() == {"size": PIECES * PIECE_BYTES}
    with streams.get(f"/api/download/{PIECES}", stream=True) as response:
        assert sum(len(piece) for piece in response.iter_content(PIECE_BYTES)) == PIECES * PIECE_BYTES
    assert peak_bytes(streams) - before < MOST_GROWTH_BYTES


def test_a_slow_reader_holds_the_function_back(streams):
    """While a client does not read, the function does not continue making what it would have to keep."""
    address = urlsplit(streams.stack.base_url)
    with socket.create_connection((address.hostname, address.port)) as slow:
        slow.sendall(f"GET /api/download/{PIECES} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert slow.recv(12) == b"HTTP/1.1 200"
        streams.post("/api/upload", data=b"x" * PIECES * PIECE_BYTES)
        assert 0 < streams.get("/api/produced").json() < PIECES / 2


def test_what_a_function_sees(streams):
    """Route parameters, query, headers and body come by FastAPI's request; a dict goes back as JSON."""
    response = streams.post("/api/said/Ann", params={"q": "1"}, json=[1], headers={"X-Tag": "t"})
    assert response.json() == {"name": {"name": "Ann"}, "query": {"q": "1"}, "body": [1], "tag": "t"}


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("model", 200, '{"size":3}'),
        ("plain", 201, "plain"),
        ("empty", 204, ""),
        ("refused", 418, '{"detail":"a teapot"}'),
        ("fails", 500, "Internal Server Error"),
    ],
)
def test_what_a_function_returns(streams, path, status, body):
    """Responses, models and HTTPException become what FastAPI makes of them; another exception is 500."""
    response = streams.get(f"/api/{path}")
    assert (response.status_code, response.text) == (status, body)


def test_headers_of_a_response(streams):
    """A response has the headers that the function gave it; none is made up."""
    response = streams.get("/api/plain")
    assert response.headers["x-own"] == "1"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    for path in ("empty", "bare"):
        assert "Content-Type" not in streams.get(f"/api/{path}").headers


def test_pages_of_allowed_origins_read_streams(running_apps, streams_dir):
    """With --cors a response that is streamed names the origin, as every other does."""
    client = running_apps(streams_dir, ("--cors", "https://mine.example"))
    origin = "https://mine.example"
    assert client.get("/api/plain", headers={"Origin": origin}).headers["Access-Control-Allow-Origin"] == origin


def test_head(streams):
    """HEAD calls the function and has its status and headers, and no body."""
    response = streams.request("HEAD", "/api/plain")
    assert (response.status_code, response.headers["x-own"], response.content) == (201, "1", b"")


@pytest.mark.parametrize("path", ["plain", "chunked", "empty"])
def test_the_answer_after_head_is_the_next_one(connection, path):
    """No byte of a body follows the headers, or it would stand before the next answer on the connection."""
    for method in ("HEAD", "GET", "HEAD", "GET"):
        connection.request(method, f"/api/{path}")
        response = connection.getresponse()
        assert (response.status < 300, len(response.read()) > 0) == (True, method == "GET" and path != "empty")


def test_a_failure_is_in_the_log(streams, wait_until):
    """The log has what a function raised, with its name."""
    streams.get("/api/fails")
    entry = "Function 'fails' failed: ValueError: not today"
    wait_until(lambda: entry in streams.stack.log_path.read_text(), "the entry in the log")


def test_a_response_that_breaks_off_is_not_taken_for_whole(streams, connection):
    """When the function fails in the middle, the connection closes without the end of the body."""
    connection.request("GET", "/api/breaks")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()


@pytest.mark.parametrize("is_chunked", [False, True], ids=["by its length", "chunked"])
def test_a_body_beyond_the_limit_is_refused(streams, is_chunked):
    """More than 100 MB is 413, whether the client says so at the start or not."""
    pieces = (b"x" * PIECE_BYTES for _ in range(PIECES + 65))
    response = streams.post("/api/upload", data=pieces if is_chunked else b"x" * PIECE_BYTES * (PIECES + 65))
    assert response.status_code == 413


def test_durable_functions_beside_streams(streams):
    """A streaming function starts orchestrations by its durable client as any other does."""
    started = streams.post("/api/begin", json=[1, 2, 3])
    assert started.status_code == 202
    assert streams.wait_terminal(started.json()["id"])["output"] == 12


def test_other_methods_and_routes(streams):
    """Routing stays the host's: what no function has is 404, whatever FastAPI would answer."""
    assert streams.get("/api/nothing").status_code == 404
    assert streams.get("/api/open").status_code == 404
    assert streams.get("/docs").status_code == 404


@pytest.mark.parametrize(("name", "length"), [("chunked", None), ("right", "10")])
def test_what_frames_a_stream_is_the_hosts(connection, name, length):
    """The body comes whole, with the length that is declared and right or in chunks, and the connection serves on."""
    for _ in range(2):
        connection.request("GET", f"/api/framed/{name}")
        response = connection.getresponse()
        assert (response.read(), response.headers["Content-Length"]) == (b"firstlater", length)
        assert response.headers.get_all("Transfer-Encoding") == (None if length else ["chunked"])


@pytest.mark.parametrize(("name", "problem"), [("long", "989 bytes shorter than"), ("short", "longer than")])
def test_a_stream_of_another_length_than_it_declares_breaks_off(streams, wait_until, name, problem):
    """The connection is closed, so that nothing of the next response is taken for its rest; the log has the reason."""
    address = urlsplit(streams.stack.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as bare:
        bare.sendall(f"GET /api/framed/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while bare.recv(65536):
            pass
    reason = f"answered with a body {problem} its Content-Length"
    wait_until(lambda: reason in streams.stack.log_path.read_text(), reason)


@pytest.mark.parametrize("status", [0, 100, 101])
def test_a_status_that_ends_no_request_is_a_500(streams, status):
    """The log names it and says what is expected."""
    assert streams.get(f"/api/status/{status}").status_code == 500
    assert f"answered with the status {status}; expected a status" in streams.stack.log_path.read_text()
