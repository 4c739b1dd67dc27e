"""What each request goes through, whatever its route: what cannot be read, and responses as they are sent."""

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import web
from multidict import CIMultiDict

from durable_harness.host.durable_http.messages import ApiResponse
from durable_harness.host.http.handlers import handler
from durable_harness.host.http.streams import SentResponse
from durable_harness.host.http.untyped_responses import UntypedResponse


class Front:
    """Answers with what it is given, or raises it."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    @handler
    async def handle(self, request):
        self.asked.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def sent(front, target="/"):
    request = SimpleNamespace(raw_path=target, headers=CIMultiDict({"Host": "a:80"}))
    return asyncio.run(front.handle(request))


def test_a_malformed_request_reaches_nothing():
    """It is refused with 400 and a text, before anything is asked."""
    front = Front(ApiResponse(200))
    answer = sent(front, "/a%00")
    assert (answer.status, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert b"without NUL" in answer.body
    assert front.asked == []


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (web.RequestPayloadError(), 400, b"The body does not match its Content-Length or Transfer-Encoding."),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, None),
        (ConnectionResetError(), 400, b"The body ended before its Content-Length."),
    ],
)
def test_a_body_that_cannot_be_read_is_the_clients_fault(error, status, text):
    """What is found as the body is read is answered as an error of the client."""
    answer = sent(Front(error))
    assert (answer.status, answer.body or None) == (status, text)


def test_an_error_of_the_host_is_not_the_clients():
    """Other errors are left to the web server."""
    with pytest.raises(ZeroDivisionError):
        sent(Front(ZeroDivisionError()))


def test_cookies_are_sent_one_by_one():
    """Each cookie of a response is a header of its own, and the other headers stay as they are."""
    answer = sent(Front(ApiResponse(201, b"x", {"Set-Cookie": "a=1\nb=2", "X-Own": "y", "Content-Type": "text/css"})))
    assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    assert (answer.status, answer.body, answer.headers["X-Own"]) == (201, b"x", "y")


@pytest.mark.parametrize(("headers", "is_untyped"), [({}, True), ({"Content-Type": "text/css"}, False)])
def test_a_type_is_only_kept_away_where_there_is_none(headers, is_untyped):
    """A response without a content type is of the kind to which the web server adds none."""
    assert isinstance(sent(Front(ApiResponse(200, b"x", headers))), UntypedResponse) == is_untyped


def test_a_response_that_was_sent_is_left_alone():
    """What is on the wire already is handed to the web server as it is."""
    streamed = web.StreamResponse()
    assert sent(Front(SentResponse(200, sent=streamed))) is streamed
