"""How the audit asks a server: page by page, or one operation after the other, and when it cannot know."""

import json
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from durable_harness.load.audit import status_client
from durable_harness.load.audit.ledger import LedgerEntry
from durable_harness.load.audit.operation_urls import OperationUrls
from durable_harness.load.audit.status_client import (
    ATTEMPTS,
    CONTINUATION,
    PAGE_SIZES,
    AnswerTooLargeError,
    AuditClient,
    AuditError,
    CannotTellError,
    get,
)
from durable_harness.load.http.connection import TOO_LARGE
from durable_harness.operations import HttpResponse, NoResponse, OperationState, durable_webhooks
from durable_harness.operations.wire import Phase

INSTANCES = "http://service.example/runtime/webhooks/durabletask/instances"
PREFIX = "run-"
TOKEN = PREFIX + "0" * 24


class Asker:
    """Answers requests in turn, and notes them."""

    def __init__(self, *answers):
        self.left, self.asked = list(answers), []

    def get(self, url, headers, _timeout_s):
        self.asked.append((url, headers))
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    """Ask again without a pause."""
    monkeypatch.setattr(status_client, "PAUSE_S", 0.0)


def answer(status=200, body=None, **headers):
    """Return an answer with a JSON body."""
    return HttpResponse(status, headers, json.dumps(body).encode())


def page(*ids, token=""):
    """Return a page of the listing."""
    rows = [{"instanceId": name, "runtimeStatus": "Completed", "input": TOKEN, "output": TOKEN} for name in ids]
    return answer(200, rows, **{CONTINUATION: token})


def client(asker, *, status_url=f"{INSTANCES}/i", echoes=True, **urls):
    """Return a client of a durable service."""
    where = OperationUrls("Few", "i", status_url, **urls)
    return AuditClient(asker, where, durable_webhooks("/api/start"), PREFIX, echoes=echoes)


def entry(instance_id="i"):
    """Return what the run has of an operation."""
    return LedgerEntry(TOKEN, OperationState.COMPLETED.value, 101.0, instance_id, True, "Few")


def listed(asker, most=100):
    """Return the ids that a listing has."""
    return [found.instance_id for found in client(asker).listed(100.0, 200.0, most)]


def test_pages_are_followed_to_the_last():
    """The token of a page asks for the next one; rows that are no objects, or cannot be read, are left out."""
    odd = answer(200, ["text", {"instanceId": "x"}], **{CONTINUATION: "null"})
    asker = Asker(page("a", token="1"), page("b", token="2"), odd)
    assert listed(asker) == ["a", "b"]
    assert [headers.get(CONTINUATION) for _, headers in asker.asked] == [None, "1", "2"]


def test_a_page_that_is_too_large_is_asked_for_in_parts():
    """Fewer rows are asked for until a page can be read, and for all later pages."""
    asker = Asker(NoResponse(TOO_LARGE), page("a", token="1"), page("b"))
    assert listed(asker) == ["a", "b"]
    tops = [url.partition("top=")[2].partition("&")[0] for url, _ in asker.asked]
    assert tops == [str(PAGE_SIZES[0]), str(PAGE_SIZES[1]), str(PAGE_SIZES[1])]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([NoResponse(TOO_LARGE)], TOO_LARGE),
        ([page("a", token="1"), page("b", token="1")], "the listing repeats its pages"),
        ([page("a", "b", "c")], "the listing does not end: it had 3 operations"),
        ([answer(404)], "the listing answered 404"),
        ([answer(200, {"no": "list"})], "the listing answered 200"),
    ],
)
def test_a_listing_that_cannot_be_trusted(answers, words):
    """One that repeats itself, is endless, or is no list ends with the reason."""
    with pytest.raises(AuditError) as ended:
        listed(Asker(*answers), most=2)
    assert words in str(ended.value)


@pytest.mark.parametrize(
    ("answered", "status_url", "has"),
    [
        (page("a"), f"{INSTANCES}/i", True),
        (answer(404), f"{INSTANCES}/i", False),
        (answer(200, {}), f"{INSTANCES}/i", False),
        (page("a"), "http://service.example/orders/i", False),
    ],
)
def test_a_service_has_a_listing_or_not(answered, status_url, has):
    """It is there if it answers with a list; without durable webhooks nothing is asked."""
    asker = Asker(answered)
    assert client(asker, status_url=status_url).has_listing() is has
    assert bool(asker.asked) is (INSTANCES in status_url)


@pytest.fixture
def now_s(monkeypatch):
    """Return the moment at which the clock here stands."""
    moment_s = 1_800_000_000.0
    monkeypatch.setattr(status_client, "time", SimpleNamespace(time=lambda: moment_s))
    return moment_s


@pytest.mark.parametrize("ahead_s", [0, 2, -2, -1_700_000_000])
def test_a_clock_that_is_right_or_broken_is_ignored(now_s, ahead_s):
    """Two seconds cannot be seen in a date, and a date that is decades off is no clock's."""
    made = client(Asker(answer(200, [], date=formatdate(now_s + ahead_s, usegmt=True))))
    assert made.has_listing()
    assert made.clock_offset_s == 0.0


def test_without_a_date_the_clock_is_taken_as_right():
    """What is no date is no clock's either."""
    made = client(Asker(answer(200, [], date="nonsense")))
    assert made.has_listing()
    assert made.clock_offset_s == 0.0


def test_a_period_is_asked_for_by_the_clock_of_the_server(now_s):
    """A server that is an hour ahead is asked for an hour later."""
    asker = Asker(answer(200, [], date=formatdate(now_s + 3600, usegmt=True)), page())
    made = client(asker)
    assert made.has_listing()
    assert made.clock_offset_s == 3600.0
    assert list(made.listed(0.0, 86_400.0, 10)) == []
    assert "createdTimeFrom=1970-01-01T01%3A00%3A00Z" in asker.asked[1][0]


def test_one_operation_is_asked_for():
    """Its status, name, token and whether its output has the token are read."""
    body = {"runtimeStatus": "Completed", "name": "work", "input": {"token": TOKEN}, "output": TOKEN}
    found = client(Asker(answer(200, body))).ask("i", entry())
    assert (found.instance_id, found.phase, found.name, found.token) == ("i", Phase.SUCCEEDED, "work", TOKEN)
    assert found.has_token_in_output is True


@pytest.mark.parametrize("echoes", [True, False])
def test_an_output_is_compared_where_it_can_be(echoes):
    """An output without the token is another's, if the service returns what it was given."""
    body = {"runtimeStatus": "Completed", "output": "other"}
    assert client(Asker(answer(200, body)), echoes=echoes).ask("i", entry()).has_token_in_output is (
        False if echoes else None
    )


def test_an_unknown_operation_is_none():
    """The server answered that it does not know it."""
    assert client(Asker(answer(404))).ask("i", entry()) is None


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (answer(410), "410: the service no longer keeps what has ended"),
        (answer(200, {"no": "status"}), "a status cannot be read"),
        (answer(301), "a status has moved, but cannot be followed"),
        (answer(301, location=f"{INSTANCES}/i"), "a status was not found after"),
    ],
)
def test_what_became_of_it_may_be_unknown(answered, words):
    """An answer that does not say how the operation stands is no loss; the reason is named."""
    with pytest.raises(CannotTellError) as ended:
        client(Asker(answered)).ask("i", entry())
    assert words in str(ended.value)


@pytest.mark.parametrize(("not_kept", "words"), [(0, status_client.NO_URL), (3, status_client.NOT_KEPT)])
def test_without_its_url_nothing_is_asked(not_kept, words):
    """A URL that does not follow from the id was not kept, or never known."""
    asker = Asker(answer(200))
    with pytest.raises(CannotTellError, match=words):
        client(asker, status_url="http://service.example/9f2", not_kept=not_kept).ask("other", entry("other"))
    assert asker.asked == []


def test_a_status_that_has_moved_is_followed():
    """The answer is that of the new place."""
    asker = Asker(answer(301, location=f"{INSTANCES}/moved"), answer(200, {"runtimeStatus": "Failed"}))
    assert client(asker).ask("i", entry()).phase is Phase.FAILED
    assert [url for url, _ in asker.asked] == [f"{INSTANCES}/i", f"{INSTANCES}/moved"]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(NoResponse("refused"), "refused"), (answer(503), "status 503"), (answer(429), "status 429")],
)
def test_no_answer_is_asked_for_again(trouble, words):
    """A server that is busy gets a second chance, and a third; then the reason is named with its host alone."""
    asker = Asker(trouble, answer(200))
    assert get(asker, "http://service.example/?code=secret", {}).status == 200
    asker = Asker(trouble)
    with pytest.raises(AuditError, match=f"no answer from service.example: {words}"):
        get(asker, "http://service.example/?code=secret", {})
    assert len(asker.asked) == ATTEMPTS


def test_an_error_may_be_a_proper_answer():
    """A failed operation that is answered 500 is an answer, and nothing is asked again."""
    asker = Asker(answer(500))
    assert get(asker, "http://service.example/", {}, lambda _: True).status == 500
    assert len(asker.asked) == 1


def test_an_answer_too_large_is_not_asked_for_again():
    """The next one would be as large."""
    asker = Asker(NoResponse(TOO_LARGE))
    with pytest.raises(AnswerTooLargeError):
        get(asker, "http://service.example/", {})
    assert len(asker.asked) == 1
