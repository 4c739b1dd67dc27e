"""Outside services in the hands of tests: the `durable_http` fixture, whatever client the app asks them with."""

import http.server
import json
import threading
from pathlib import Path

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing import HttpAnswer, assert_completed

CLIENTS = (
    *("with_urllib", "with_requests", "with_aiohttp", "with_streams", "with_http_client"),
    *("blocking_the_loop", "with_a_loop_of_its_own", "call_http"),
)


@pytest.fixture(scope="session")
def durable_app_dir():
    """Return the app that asks services on the internet."""
    return Path(__file__).parents[1] / "apps" / "outside"


def asked(operations, client, url, **request):
    """Return what a client of the app got."""
    operation = operations.start(f"/api/ask/{client}", {"url": url, **request})
    assert_completed(operation)
    return operation.status()["output"]


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_caught(operations, durable_http, client):
    """A request by HTTPS to a service that does not exist is recorded and answered, whatever library sends it."""
    service = durable_http.answer("https://api.nowhere.example/orders", returns={"receipt": 7})
    answer = asked(operations, client, "https://api.nowhere.example/orders", body={"amount": 12})
    assert (answer["status"], json.loads(answer["body"])) == (200, {"receipt": 7})
    (call,) = service.calls
    assert (call.method, call.url) == ("POST", "https://api.nowhere.example/orders")
    if client != "with_streams":
        assert call.json() == {"amount": 12}


@pytest.mark.parametrize("client", ["with_urllib", "with_aiohttp"])
@pytest.mark.parametrize("url", ["http://plain.example/a", "http://plain.example:8123/a?b=1", "https://203.0.113.7/a"])
def test_other_places(operations, durable_http, client, url):
    """Plain HTTP, a port that a rule names, and addresses without a name; of the last HTTPS has no name to show."""
    durable_http.answer(url, returns=HttpAnswer("there", status=201))
    answer = asked(operations, client, url, body=1)
    if url.startswith("https://203"):
        assert "CERTIFICATE" in answer["failed"].upper()
    else:
        assert answer == {"status": 201, "body": "there"}


def test_the_last_pattern_that_fits_answers(operations, durable_http):
    """Patterns and methods choose; a rule that has ended gives way to the one before."""
    durable_http.answer("https://api.example", returns="all")
    orders = durable_http.answer("https://api.example/orders/*", returns="orders", method="post")
    assert asked(operations, "with_requests", "https://api.example/orders/1")["body"] == "orders"
    assert asked(operations, "with_requests", "https://api.example/orders/1", method="GET")["body"] == "all"
    orders.end()
    assert asked(operations, "with_requests", "https://api.example/orders/1")["body"] == "all"
    assert orders.count == 1
    assert [call.method for call in durable_http.calls] == ["POST", "GET", "POST"]


def test_a_function_answers(operations, durable_http):
    """A function of the test sees each request and answers it; what it raises breaks the connection."""

    def pay(call):
        if call.json()["amount"] > 100:
            raise ConnectionError
        return HttpAnswer({"paid": call.json()["amount"]}, status=202, headers={"X-By": "test"})

    durable_http.answer("https://bank.example/*", by=pay)
    assert asked(operations, "with_urllib", "https://bank.example/pay", body={"amount": 7}) == {
        "status": 202,
        "body": '{"paid": 7}',
    }
    assert "failed" in asked(operations, "with_urllib", "https://bank.example/pay", body={"amount": 700})


def test_a_service_that_is_down(operations, durable_http):
    """`raises` ends the connection without an answer, which a client meets as it meets a broken service."""
    down = durable_http.answer("https://api.example", raises=ConnectionError)
    assert "failed" in asked(operations, "with_requests", "https://api.example/orders")
    assert down.wait()[0].url == "https://api.example/orders"


def test_a_request_that_nothing_answers(operations, durable_http):
    """It never reaches the internet: the app gets 502 with what to do, and the test can ask for it."""
    answer = asked(operations, "with_urllib", "https://unknown.example/x", body=1)
    assert answer["status"] == 502
    assert 'durable_http.answer("https://unknown.example/x", returns=…)' in answer["body"]
    assert [call.url for call in durable_http.unanswered] == ["https://unknown.example/x"]


def test_what_passes(operations, durable_http):
    """Services of this machine are asked as they are, unless a rule names one; so are those that the test lets pass."""
    with served("the real one") as port:
        url = f"http://127.0.0.1:{port}/"
        assert asked(operations, "with_requests", url)["body"] == "the real one"
        rule = durable_http.answer(url, returns="the test")
        assert asked(operations, "with_requests", url)["body"] == "the test"
        durable_http.pass_through(url)
        assert asked(operations, "with_requests", url)["body"] == "the real one"
        assert rule.count == 1


def test_kept_connections_are_of_one_test(operations, durable_http):
    """A client that keeps its connection meets this test's answers, not those of the test before (see the next one)."""
    durable_http.answer("https://kept.example/*", returns="first")
    assert asked(operations, "with_requests", "https://kept.example/x")["body"] == "first"


def test_kept_connections_end_with_their_test(operations, durable_http):
    """The same client of the app, in the next test, asks this one."""
    durable_http.answer("https://kept.example/*", returns="second")
    assert asked(operations, "with_requests", "https://kept.example/x")["body"] == "second"


def test_another_process_is_not_caught(operations, durable_http):
    """What docs/how-to/testing.md excludes is not caught: a process that the app starts asks the service itself."""
    durable_http.answer("http://nowhere.invalid/*", returns="caught")
    assert asked(operations, "in_another_process", "http://nowhere.invalid/x") == "not answered"
    assert durable_http.calls == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"url": "api.example/orders", "returns": 1}, "'api.example/orders'"),
        ({"url": "ftp://api.example", "returns": 1}, "'ftp://api.example'"),
        ({"url": "https://api.example:port/", "returns": 1}, "expected one such as https://api.example/orders/*"),
        ({"url": "https://api.example"}, "give one of returns=VALUE"),
        ({"url": "https://api.example", "returns": 1, "by": str}, "give one of returns=VALUE"),
        ({"url": "https://api.example", "returns": object()}, "neither text nor bytes nor JSON"),
    ],
)
def test_what_is_refused(durable_http, options, text):
    """A URL without a service, no answer or two, and a body that cannot be sent are errors of the test itself."""
    with pytest.raises(UsageError, match="durable_http") as error:
        durable_http.answer(**options)
    assert text in str(error.value)


UNANSWERED = """
def test_order(operations, durable_http):
    durable_http.answer("https://bank.example/pay/*", returns={})
    operations.start("/api/ask/with_urllib", {"url": "https://bank.example/refund/7"}).wait()
    assert durable_http.calls == []
"""


def test_the_report_of_a_failed_test(inner, durable_app_dir):
    """The report of a failed test lists the requests that nothing answered: often one is why it failed."""
    outcome = inner.write("test_order.py", UNANSWERED).run(f"--app-dir={durable_app_dir}")
    assert outcome.count("failure") == 1
    listed = outcome.output.partition("requests to outside services that nothing answered")[2]
    assert "GET https://bank.example/refund/7" in listed


def test_stacks_whose_host_is_not_ours(inner, durable_url):
    """On a deployment the test is skipped, and says on which stacks it runs."""
    outcome = inner.write("test_order.py", UNANSWERED).run("--stack", "remote", "--stack-url", durable_url)
    assert outcome.count("skipped") == 1, outcome.output
    assert "Run this test with --stack embedded or --stack emulator" in outcome.skip_reason("test_order[remote]")


class served:  # noqa: N801 - used as a function
    """A service of this machine, until the block ends; gives its port."""

    def __init__(self, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments):
                """Print nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self._server.server_port

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
