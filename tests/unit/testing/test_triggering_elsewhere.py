"""Functions run by hand on a host that is not ours, and the errors for what only ours has."""

import http.server
import json
import threading
from contextlib import contextmanager

import pytest

from durable_harness.errors import UsageError
from durable_harness.stack import RunningStack
from durable_harness.testing import Operations


@contextmanager
def host(status):
    """Yield the URL of a host that answers everything with one status, and what it is asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, json.loads(body), self.headers["x-functions-key"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            """Log nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def operations_at(url, tmp_path, name="remote"):
    """Return the operations of a stack whose host is not ours."""
    return Operations(RunningStack(name, url, "the-master-key"), tmp_path)


@pytest.mark.parametrize(
    ("data", "body"), [((), {}), (("text",), {"input": "text"}), (({"id": 7},), {"input": '{"id": 7}'})]
)
def test_a_deployment_is_asked_to_run_a_function(tmp_path, data, body):
    """The admin API of any host gets text; the key of the stack goes with it."""
    with host(202) as (url, asked):
        run = operations_at(url, tmp_path).trigger("on message", *data)
    assert asked == [("/admin/functions/on%20message", body, "the-master-key")]
    assert run.captured is None
    with pytest.raises(UsageError, match=r"The remote stack writes to the services .* --stack embedded or emulator"):
        run.written("queue")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, r"refuses to run 'f' by hand \(401\): that needs the master key of the app. Give it with --stack-key"),
        (403, r"\(403\): that needs the master key"),
        (404, "has no function 'f', or no admin API"),
    ],
)
def test_a_refusal_names_what_is_needed(tmp_path, status, message):
    """A key that opens too little, and a name that is unknown, are errors of the test's set-up."""
    with host(status) as (url, _asked), pytest.raises(UsageError, match=message):
        operations_at(url, tmp_path).trigger("f")


def test_another_answer_fails_the_test(tmp_path):
    """A host that fails is a failure of the system under test."""
    with host(500) as (url, _asked), pytest.raises(AssertionError, match="POST /admin/functions/f answered 500"):
        operations_at(url, tmp_path).trigger("f")


@pytest.mark.parametrize("stack", ["remote", "func"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda operations: operations.written("queue"),
        lambda operations: operations.outputs(),
        lambda operations: operations.give("blob", "x"),
        lambda operations: operations.started(),
    ],
)
def test_what_only_our_host_has_is_an_error_elsewhere(tmp_path, stack, ask):
    """Nothing is captured or given where bindings lead to real services; the error names the stacks that do."""
    with pytest.raises(UsageError, match=f"The {stack} stack writes to the services .* --stack embedded or emulator"):
        ask(operations_at("http://127.0.0.1:9", tmp_path, stack))


@pytest.mark.parametrize(("data", "metadata"), [(b"\xff", None), (["a", b"\xff"], None), ("x", {"DequeueCount": 2})])
def test_bytes_and_metadata_need_our_host(tmp_path, data, metadata):
    """What the admin API of Azure has no place for is refused before anything is sent."""
    with pytest.raises(UsageError, match=r"takes text or JSON .*, no bytes and no metadata"):
        operations_at("http://127.0.0.1:9", tmp_path).trigger("f", data, metadata=metadata)


def test_what_is_no_json_is_an_error_elsewhere_too(tmp_path):
    """An object that no host can take is named, not left to the encoder's traceback."""
    with pytest.raises(UsageError, match="data: expected text, bytes or a JSON value, got object"):
        operations_at("http://127.0.0.1:9", tmp_path).trigger("f", object())
