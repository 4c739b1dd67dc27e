"""Durable HTTP: an orchestrator's call_http to functions of the same app."""

import json
import socket

import pytest


@pytest.fixture
def url(features):
    """Return a function that makes the URL of one of the app's functions."""
    return lambda path: f"{features.stack.base_url}/api/called/{path}"


@pytest.mark.sdk1
def test_get(features, url):
    """A GET gives status, headers and content, and the activity after it its own answer."""
    request = {"method": "GET", "url": url("echo?a=1"), "headers": {"X-Test": "žito".encode().hex()}}
    output = features.output_of("call", request)
    answer = output["answer"]
    assert answer["statusCode"] == 200
    assert {name.lower(): value for name, value in answer["headers"].items()}["x-answer"] == "yes"
    seen = json.loads(answer["content"])
    assert (seen["method"], seen["params"], seen["header"]) == ("GET", {"a": "1"}, "žito".encode().hex())
    assert output["after"] == "after"


@pytest.mark.sdk1
def test_post_of_a_json_body(features, url):
    """A dictionary is sent as JSON, with its content type."""
    request = {"method": "POST", "url": url("echo"), "content": {"word": "žito"}}
    seen = json.loads(features.output_of("call", request)["answer"]["content"])
    assert seen["method"] == "POST"
    assert json.loads(seen["body"]) == {"word": "žito"}
    assert seen["content_type"].startswith("application/json")


@pytest.mark.sdk1
def test_accepted_is_polled_to_its_end(features, sdk, url, key):
    """An answer 202 with Location is followed by GETs until the answer is another; only the POST was a POST."""
    output = features.output_of("call", {"method": "POST", "url": url(f"job/{key}?polls=4")})
    assert (output["answer"]["statusCode"], output["answer"]["content"]) == (200, "done after 4")
    assert sdk.probe(key)["notes"] == ["POST", "GET", "GET", "GET"]


@pytest.mark.sdk1
def test_an_error_status_is_an_answer(features, url):
    """A status of 400 and above does not raise: the orchestrator decides."""
    answer = features.output_of("call", {"method": "GET", "url": url("teapot")})["answer"]
    assert (answer["statusCode"], answer["content"]) == (418, "short and stout")


def test_a_refused_connection_raises(features):
    """When no server listens at the URL, the call raises in the orchestrator."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    assert features.output_of("call_caught", f"http://127.0.0.1:{port}/")["caught"]
