"""The requests of a durable HTTP call: redirects, polls of a 202, and how long is waited between them."""

import asyncio
import time
from email.utils import formatdate

import pytest

from durable_harness.host.work import http_activity
from durable_harness.host.work.http_activity import MOST_REDIRECTS, HttpActivity

HOME = "https://a.org/start"


def answer(status, content="", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"statusCode": status, "headers": named, "content": content}


@pytest.fixture
def call(monkeypatch):
    """Sends a call whose requests are answered in turn; returns the last answer, the requests, and the waits."""

    def call(*answers, **request):
        sent, waits = [], []

        async def send(method, url, headers, content):
            sent.append((method, url, dict(headers), content))
            return answers[min(len(sent), len(answers)) - 1]

        async def sleep(seconds):
            waits.append(seconds)

        activity = HttpActivity(30.0)
        monkeypatch.setattr(activity, "_send", send)
        monkeypatch.setattr(http_activity.asyncio, "sleep", sleep)
        last = asyncio.run(activity.call({"method": "POST", "uri": HOME, **request}))
        return last, sent, waits

    return call


def test_a_body_without_a_type_is_json(call):
    """Content has the type of JSON unless the orchestrator names another one, in any case."""
    _, [(_, _, headers, _)], _ = call(answer(200), content="1")
    assert headers == {"Content-Type": "application/json"}
    _, [(_, _, headers, _)], _ = call(answer(200), content="1", headers={"content-type": "text/css"})
    assert headers == {"content-type": "text/css"}


def test_a_202_is_polled_until_it_is_done(call):
    """Polls go where the answer points, without the body, its type and a function's key."""
    last, sent, waits = call(
        answer(202, Location="/status"),
        answer(202, Location="/status", Retry_After="7"),
        answer(200, "done"),
        content="1",
        headers={"X-Own": "1", "x-functions-key": "secret"},
    )
    assert (last["content"], waits) == ("done", [30.0, 7.0])
    assert sent[1] == sent[2] == ("GET", "https://a.org/status", {"X-Own": "1"}, None)


def test_a_202_without_a_location_is_the_answer(call):
    """There is nothing to poll if the answer names no place."""
    last, sent, _ = call(answer(202, "accepted"))
    assert (last["content"], len(sent)) == ("accepted", 1)


def test_a_poll_elsewhere_has_no_headers_of_the_call(call):
    """The headers are for the origin that the orchestrator named, no other one."""
    _, sent, _ = call(answer(202, Location="https://b.org/s"), answer(200), headers={"X-Own": "1"})
    assert sent[1] == ("GET", "https://b.org/s", {}, None)


def test_a_redirect_is_followed_without_authorization(call):
    """As in Azure a redirect keeps its headers but for Authorization; 303 is asked for by GET without the body."""
    last, sent, _ = call(
        answer(303, Location="/there"), answer(200, "ok"), content="1", headers={"Authorization": "x", "X-Own": "1"}
    )
    assert last["content"] == "ok"
    method, url, headers, content = sent[1]
    assert (method, url, content, "Authorization" in headers, headers["X-Own"]) == (
        "GET",
        "https://a.org/there",
        None,
        False,
        "1",
    )


def test_a_redirect_to_http_is_the_answer(call):
    """A redirect that gives up the encryption is not followed, nor is one without a place."""
    assert call(answer(302, Location="http://a.org/"))[0]["statusCode"] == 302
    assert call(answer(302))[0]["statusCode"] == 302


def test_redirects_without_end_are_the_answer(call):
    """After as many redirects as HttpClient follows, the last one is the answer."""
    last, sent, _ = call(answer(307, Location="/again"), content="1")
    assert (last["statusCode"], len(sent), sent[-1][3]) == (307, MOST_REDIRECTS + 1, "1")


@pytest.mark.parametrize(
    ("retry_after", "least_s", "most_s"),
    [("5", 5, 5), ("-5", 0, 0), ("soon", 30, 30), (formatdate(0), 0, 0), (None, 30, 30)],
)
def test_a_wait_is_what_the_answer_names(retry_after, least_s, most_s):
    """Retry-After is a number of seconds or a date; without one that can be read the interval is waited."""
    assert least_s <= http_activity._delay_s(retry_after, 30) <= most_s


def test_a_wait_until_a_date_ends_with_it():
    """A date to come is waited for."""
    assert 3500 < http_activity._delay_s(formatdate(time.time() + 3600), 30) <= 3600


def test_a_token_source_cannot_be_used_here():
    """A managed identity is only in Azure: the call fails with what to do instead."""
    with pytest.raises(NotImplementedError, match="Send the token in a header instead"):
        asyncio.run(
            HttpActivity(1).call({"method": "GET", "uri": HOME, "tokenSource": {"kind": "AzureManagedIdentity"}})
        )
