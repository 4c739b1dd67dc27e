"""A server that sends our clients elsewhere gets them to leave what the user gave for it, in each of the clients."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from durable_harness.host.work.http_activity import HttpActivity
from durable_harness.operations import HttpResponse, NoResponse, Operation, OperationPlan
from durable_harness.operations.polling import FixedPolling
from durable_harness.testing.requesting import HttpClient

SECRETS = {"x-functions-key": "the-key", "Authorization": "Bearer token", "Cookie": "c=1", "X-Api-Key": "mine"}


class Server:
    """An HTTP server that answers by script, (status, headers) for each path, and keeps what it was asked."""

    def __init__(self):
        self.answers, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append((self.command, self.path, dict(self.headers), body))
                answers = outer.answers.get(self.path, [(200, {})])
                status, headers = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_POST = do_GET  # noqa: N815 - the standard library's name

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def servers():
    """Yield two servers: the one that the user named, and another origin."""
    pair = (Server(), Server())
    yield pair
    for server in pair:
        server.close()


def secrets_in(asked):
    return [name for _, _, headers, _ in asked for name in headers if name.lower() in map(str.lower, SECRETS)]


def call(request):
    """Run what is behind `call_http`, with no time between polls."""

    async def run():
        activity = HttpActivity(0.0)
        try:
            return await activity.call(request)
        finally:
            await activity.close()

    return asyncio.run(run())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_pytests_client_leaves_keys_behind(servers, status):
    """The key and the headers of a test do not follow a redirect to another origin; the answer there is the answer."""
    home, other = servers
    home.answers["/start"] = [(status, {"Location": f"{other.url}/taken"})]
    answer = HttpClient(home.url, "the-key").request("POST", "/start", {"a": 1}, headers=SECRETS)
    assert isinstance(answer, HttpResponse)
    assert secrets_in(home.asked)
    [(method, path, _, body)] = other.asked
    assert (method, path, bool(body)) == (("POST" if status >= 307 else "GET"), "/taken", status >= 307)
    assert not secrets_in(other.asked)


def test_the_client_resolves_a_location_where_it_was_answered(servers):
    """A start that was redirected is followed at the server that took it, and the key stays with the first."""
    home, other = servers
    home.answers["/start"] = [(307, {"Location": f"{other.url}/good/start"})]
    other.answers["/good/start"] = [(202, {"Location": "st/7"})]
    plan = OperationPlan("token", f"{home.url}/start", {}, FixedPolling(0.1), 10.0)
    client, operation = HttpClient(home.url, "the-key"), Operation(plan)
    operation.start_answered(client.request("POST", plan.start_url, {}), 0.0)
    assert operation.status_url == f"{other.url}/good/st/7"
    client.request("GET", operation.status_url, headers=operation.poll_headers)
    assert not secrets_in(other.asked)


def test_pytests_client_sends_the_key_to_its_origin_only(servers):
    """A URL that only begins like the deployment's, or is another's, gets no key."""
    home, other = servers
    client = HttpClient(home.url, "the-key")
    for url in (f"{other.url}/x", f"{home.url}@127.0.0.1:{other.url.rpartition(':')[2]}/x"):
        client.request("GET", url)
    assert not secrets_in(other.asked)


def test_pytests_client_opens_no_file(servers, tmp_path):
    """A URL of another kind, named by a server or by a test, is not opened."""
    home, _ = servers
    secret = tmp_path / "secret"
    secret.write_text("secret")
    home.answers["/start"] = [(302, {"Location": secret.as_uri()})]
    client = HttpClient(home.url)
    for url in ("/start", secret.as_uri()):
        answer = client.request("GET", url)
        assert isinstance(answer, NoResponse)
        assert "not http or https" in answer.reason


def test_pytests_client_is_not_led_in_circles(servers):
    """After some redirects in a row there is no answer, and the reason says so."""
    home, _ = servers
    home.answers["/start"] = [(302, {"Location": "/start"})]
    assert HttpClient(home.url).request("GET", "/start") == NoResponse("more than 5 redirects")
    assert len(home.asked) == 6


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_call_http_leaves_headers_behind(servers, status):
    """An orchestrator's headers stay with the origin that it named."""
    home, other = servers
    home.answers["/start"] = [(status, {"Location": f"{other.url}/taken"})]
    request = {"method": "POST", "uri": f"{home.url}/start", "headers": SECRETS, "content": json.dumps({"a": 1})}
    assert call(request)["statusCode"] == 200
    assert not secrets_in(other.asked)
    assert other.asked[0][0] == ("POST" if status >= 307 else "GET")


def test_call_http_polls_another_origin_without_headers(servers):
    """The Location of a 202 is named by whoever answered: elsewhere it is polled without what the user gave."""
    home, other = servers
    home.answers["/start"] = [(202, {"Location": f"{other.url}/job"})]
    other.answers["/job"] = [(202, {"Location": f"{home.url}/end"}), (200, {})]
    call({"method": "POST", "uri": f"{home.url}/start", "headers": SECRETS, "content": "{}"})
    assert not secrets_in(other.asked)
    end = {name.lower() for name in home.asked[-1][2]}
    assert {"authorization", "cookie", "x-api-key"} <= end
    assert "x-functions-key" not in end


def test_call_http_repeats_authorization_after_no_redirect(servers):
    """As HttpClient does it in Azure: what a redirect breaks there is broken here."""
    home, _ = servers
    home.answers["/start"] = [(307, {"Location": "/there"})]
    call({"method": "GET", "uri": f"{home.url}/start", "headers": SECRETS})
    names = [{name.lower() for name in headers} for _, _, headers, _ in home.asked]
    assert ["authorization" in each for each in names] == [True, False]
    assert ["cookie" in each for each in names] == [True, True]


def test_call_http_keeps_no_cookies(servers):
    """What an answer sets is not sent, to no server and by no other orchestration."""
    home, other = servers
    home.answers["/start"] = [
        (302, {"Location": f"{other.url}/taken".replace("127.0.0.1", "localhost"), "Set-Cookie": "s=1"})
    ]
    call({"method": "GET", "uri": f"{home.url}/start".replace("127.0.0.1", "localhost")})
    assert "Cookie" not in other.asked[0][2]


def test_call_http_ends_in_the_last_redirect(servers):
    """A server that leads in circles is left after as many redirects as HttpClient follows; the last is the answer."""
    home, _ = servers
    home.answers["/start"] = [(302, {"Location": "/start"})]
    assert call({"method": "GET", "uri": f"{home.url}/start"})["statusCode"] == 302
    assert len(home.asked) == 51
