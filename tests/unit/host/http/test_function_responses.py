"""What a function returns as an HTTP response: texts, objects of the Functions host, and what is none."""

import azure.functions as func
import pytest

from durable_harness.host.http.http_values import (
    TEXT_TYPE,
    UnusableResultError,
    function_request,
    function_response,
)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("plain", b"plain"),
        ('{"a":1}', b'{\n  "a": 1\n}'),
        ("null", b""),
        ("true", b"True"),
        ('"quoted"', b"quoted"),
        ("[" * 5000, b"[" * 5000),
        ("[" * 5000 + "]" * 5000, b"[" * 5000 + b"]" * 5000),
    ],
)
def test_a_text_is_written_as_the_host_does(text, body):
    """A text that is JSON is written again in the host's own way, unless it is nested too deeply to be read."""
    answer = function_response(text)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, body, TEXT_TYPE)


@pytest.mark.parametrize(
    ("text", "status", "content_type"),
    [
        ('{"Body": "x", "statusCode": "201"}', 201, TEXT_TYPE),
        ('{"body": "x", "status": 404, "headers": {"content-type": "text/html"}}', 404, "text/html"),
        ('{"body": "x"}', 200, TEXT_TYPE),
    ],
)
def test_a_text_may_be_a_response_object(text, status, content_type):
    """A JSON object with a body is a response with its status and headers, as the host reads it."""
    answer = function_response(text)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (status, b"x", content_type)


def test_another_type_is_no_response():
    """What is neither a response nor a text fails the function, by its type."""
    with pytest.raises(UnusableResultError, match=r"returned dict; an HTTP function must return a func\.HttpResponse"):
        function_response({"body": "x"})


@pytest.mark.parametrize(
    ("mimetype", "content_type"), [("text/html", "text/html; charset=utf-8"), ("image/png", "image/png")]
)
def test_only_texts_have_a_charset(mimetype, content_type):
    """A response without a Content-Type has that of its mimetype, with the charset if it is text."""
    assert function_response(func.HttpResponse(b"x", mimetype=mimetype)).headers["Content-Type"] == content_type


def test_cookies_are_kept_apart():
    """Several cookies are not joined by a comma, which a cookie may have in it."""
    response = func.HttpResponse(headers={"Set-Cookie": "a=1", "X-Own": "y", "Content-Type": "text/css"})
    headers = function_response(response).headers
    assert headers == {"Set-Cookie": "a=1", "X-Own": "y", "Content-Type": "text/css"}


@pytest.mark.parametrize(("body", "is_head", "length"), [(b"", True, "12"), (b"", False, None), (b"x", True, None)])
def test_only_a_head_has_a_length_of_its_own(body, is_head, length):
    """The length that a function declares is sent to HEAD without a body alone: elsewhere it is that of the body."""
    response = func.HttpResponse(body, headers={"Content-Length": "12"})
    assert function_response(response, is_head=is_head).headers.get("Content-Length") == length


def test_repeated_parameters_are_joined():
    """A query's values of one name come as one, and empty values are left out."""
    parts = {"url": "http://a", "headers": {}, "route_params": {}, "body": b""}
    request = function_request(method="GET", query="a=1&b=&a=2", **parts)
    assert request.params == {"a": "1,2"}
    assert function_request(method="GET", query="", **parts).params == {}
