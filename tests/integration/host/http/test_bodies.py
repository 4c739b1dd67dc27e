"""Bodies and payloads that are compressed, huge, deep or half a character: what takes them, and what refuses them."""

import concurrent.futures
import gzip
import hashlib
import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

BODIES_APP = Path(__file__).parents[3] / "apps" / "bodies"
WEBHOOKS = "/runtime/webhooks/durabletask"
JSON_TYPE = {"Content-Type": "application/json"}
MAX_PAYLOAD_BYTES = 1_048_576
MAX_DEPTH = 800
LIMIT_BYTES = 100 * 1024 * 1024
HALF = r"\ud800"


@pytest.fixture
def app(running_apps):
    """Return the client of the app that shows what reached it."""
    return running_apps(BODIES_APP)


def nested(depth):
    return b"[" * depth + b"]" * depth


def bomb(size):
    return gzip.compress(bytes(size), 9)


def start(app, body, name="echo", **headers):
    return app.post(f"{WEBHOOKS}/orchestrators/{name}", data=body, headers=JSON_TYPE | headers)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity"])
def test_a_function_sees_a_body_as_it_came(app, encoding):
    """The bytes and Content-Encoding of a body reach a function untouched, packed or not."""
    body = bomb(10_000_000)
    seen = app.post("/api/seen", data=body, headers={"Content-Encoding": encoding}).json()
    assert seen == {"encoding": encoding, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_a_compressed_start_is_no_json(app):
    """The durable webhooks do not unpack a body: it is refused as what it is."""
    answer = start(app, gzip.compress(b"{}"), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 400
    assert "not unpacked" in answer.json()["ExceptionMessage"]


def chunked(app, path, size):
    """Post a body without a length; return the status."""
    url = urlsplit(app.stack.base_url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    part = bytes(1024 * 1024)
    try:
        connection.request(
            "POST", path, body=(part for _ in range(size // len(part))), headers=JSON_TYPE, encode_chunked=True
        )
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/api/seen", f"{WEBHOOKS}/orchestrators/echo", "/admin/durable-harness/operations"])
def test_a_body_over_the_limit_without_a_length_is_refused(app, path):
    """A chunked body that turns out larger than the body limit is 413, wherever it goes."""
    assert chunked(app, path, LIMIT_BYTES + 2 * 1024 * 1024) == 413
    assert app.post("/api/seen", data=b"x").json()["bytes"] == 1


@pytest.mark.parametrize(
    "body", [b'"' + b"x" * 75_000_000 + b'"', b"[" + b"[]," * 20_000_000 + b"1]"], ids=["text", "list"]
)
def test_a_start_that_is_far_too_large_is_refused_by_its_size(app, body):
    """A start of tens of megabytes is 400 with the limit in its text."""
    answer = start(app, body)
    assert answer.status_code == 400
    assert str(MAX_PAYLOAD_BYTES) in answer.json()["ExceptionMessage"]


@pytest.mark.parametrize(
    "body",
    [b" " * 2 * MAX_PAYLOAD_BYTES + b"[1]", b'"' + rb"\u00e9" * 400_000 + b'"', b'{"a":\n' + b"\t" * 3_000_000 + b"1}"],
    ids=["blank", "escapes", "indented"],
)
def test_a_start_that_is_large_only_as_it_is_written_is_taken(app, body):
    """White space and escapes do not count: what would be stored is within the limit."""
    answer = start(app, body, "waits")
    assert answer.status_code == 202
    assert app.get(f"{WEBHOOKS}/instances/{answer.json()['id']}").json()["input"] == json.loads(body)


@pytest.mark.parametrize("depth", [979, MAX_DEPTH + 1, 100_000])
def test_json_nested_too_deep_is_refused_everywhere(app, key, depth):
    """A start, an event and an entity's input too deep for a parser are 400 with the limit in the text."""
    app.start("waits", None, key)
    places = [f"orchestrators/echo/{key}-deep", f"instances/{key}/raiseEvent/go", f"entities/keeper/{key}?op=set"]
    for place in places:
        answer = app.post(f"{WEBHOOKS}/{place}", data=nested(depth), headers=JSON_TYPE)
        assert answer.status_code == 400, place
        assert str(MAX_DEPTH) in answer.text
    assert app.get(f"{WEBHOOKS}/instances").status_code == 200


def test_json_as_deep_as_allowed_goes_through(app, key):
    """A value at the limit is taken, echoed, and listed with all others."""
    instance_id = start(app, nested(MAX_DEPTH)).json()["id"]
    assert app.wait_terminal(instance_id)["output"] == json.loads(nested(MAX_DEPTH))
    listed = app.get(f"{WEBHOOKS}/instances", params={"instanceIdPrefix": instance_id})
    assert listed.json()[0]["output"] == json.loads(nested(MAX_DEPTH))


def test_the_sdk_is_refused_too_deep_an_input(app):
    """What an app starts through the SDK is held to the same depth, although it arrives as a string of JSON."""
    assert app.post(f"/api/start/{MAX_DEPTH}").status_code == 200
    refused = app.post(f"/api/start/{MAX_DEPTH + 1}")
    assert (refused.status_code, str(MAX_DEPTH) in refused.text) == (502, True)


def test_an_activity_that_returns_too_deep_a_value_fails(app):
    """A result nested too deep fails its activity, with the limit in the text."""
    status = app.wait_terminal(app.start("nests", MAX_DEPTH + 50))
    assert status["runtimeStatus"] == "Failed"
    assert str(MAX_DEPTH) in status["output"]


def test_half_a_character_is_kept_as_it_came(app):
    """Half of a surrogate pair in JSON is stored and answered as its escape."""
    answer = start(app, f'{{"a": "{HALF}"}}'.encode())
    status = app.wait_terminal(answer.json()["id"])
    assert (status["runtimeStatus"], status["output"]) == ("Completed", {"a": "\ud800"})


@pytest.mark.parametrize(("text", "shown"), [("NaN", "NaN"), ("-Infinity", "-Infinity"), ("[1e999]", ["Infinity"])])
def test_numbers_that_json_has_not_break_no_list(app, text, shown):
    """NaN and infinities are answered as texts: a strict parser reads the status, and the list of all."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    instance_id = start(app, text.encode(), "waits").json()["id"]
    status = app.get(f"{WEBHOOKS}/instances/{instance_id}")
    assert json.loads(status.text, parse_constant=refuse)["input"] == shown
    assert json.loads(app.get(f"{WEBHOOKS}/instances?top=1000").text, parse_constant=refuse)


def test_errors_with_half_a_character_do_not_stall_the_host(app):
    """Two hundred activities whose error no message can hold all fail, and an ordinary operation then completes."""
    with concurrent.futures.ThreadPoolExecutor(16) as callers:
        ids = list(callers.map(lambda _: start(app, f'"{HALF}"'.encode(), "raises").json()["id"], range(200)))
    ended = [app.wait_terminal(instance_id) for instance_id in ids]
    assert {status["runtimeStatus"] for status in ended} == {"Failed"}
    assert all(f"refused: {HALF}" in status["output"] for status in ended)
    assert app.wait_terminal(app.start("echo", "after"))["output"] == "after"


@pytest.mark.parametrize("place", ["orchestrators/echo?version=", "instances/{key}/raiseEvent/"])
def test_names_that_are_too_long_are_refused(app, key, place):
    """A version and an event name beyond the limit are 400 with the limit in the text."""
    app.start("waits", None, key)
    answer = app.post(f"{WEBHOOKS}/{place.format(key=key)}{'x' * 1001}", data=b"1", headers=JSON_TYPE)
    assert answer.status_code == 400
    assert "at most 1000" in answer.text


@pytest.mark.parametrize("body", [nested(5000), b" " * 20_000_000 + b'{"ids": ["i"]}'], ids=["deep", "large"])
def test_ids_that_are_no_ids_are_refused(app, body):
    """The endpoint that measures operations refuses deep JSON, and far more than its ids take."""
    answer = app.post("/admin/durable-harness/operations", data=body, headers=JSON_TYPE)
    assert answer.status_code == 400
