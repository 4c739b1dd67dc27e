"""Reading what servers answer: starts, statuses, times, Retry-After."""

import json

import pytest

import durable_harness.operations
from durable_harness.gate.reasons import grouped
from durable_harness.operations import durable_status_route, durable_webhooks
from durable_harness.operations.excerpts import (
    EXCERPT_CHARS,
    FAILURE_CHARS,
    both_ends,
    excerpt,
    excerpt_of_text,
    redact_keys,
)
from durable_harness.operations.http_messages import HttpResponse
from durable_harness.operations.wire import (
    Phase,
    UnreadableAnswerError,
    read_accepted,
    read_epoch_s,
    read_retry_after_s,
    read_status,
)

DURABLE = durable_webhooks()
START = "http://host:7071/api/start"
STATUS = "http://host:7071/runtime/webhooks/durabletask/instances/abc?code=secret"


def answer(status=202, body=None, **headers):
    """Make an answer with a JSON body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, named, b"" if body is None else json.dumps(body).encode())


def read_durable(answer):
    """Read an answer as the status of a durable operation."""
    return read_status(answer, DURABLE.status)


def test_a_start_names_where_to_poll_in_its_body():
    """The statusQueryGetUri of the body wins over Location; id and Retry-After are read beside it."""
    printed = answer(
        body={"id": "abc", "statusQueryGetUri": STATUS}, location="http://host/elsewhere", retry_after="10"
    )
    accepted = read_accepted(printed, DURABLE, START)
    assert (accepted.instance_id, accepted.status_url, accepted.retry_after_s) == ("abc", STATUS, 10)


@pytest.mark.parametrize(
    ("location", "followed"),
    [("http://other/status/1", "http://other/status/1"), ("/status/1", "http://host:7071/status/1")],
)
def test_location_is_enough(location, followed):
    """A start without a body is followed to its Location, which may be relative to the start's URL."""
    assert read_accepted(answer(location=location), DURABLE, START).status_url == followed


def test_the_apps_own_status_route_is_made_from_the_id():
    """With a template the id goes into it, percent-encoded, whatever the server sends."""
    printed = answer(body={"id": "a/b c", "statusQueryGetUri": STATUS})
    accepted = read_accepted(printed, durable_status_route(), START, "http://host")
    assert accepted.status_url == "http://host/api/status/a%2Fb%20c"


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (answer(503, {"error": "busy"}), '503 {"error": "busy"}'),
        (answer(200, {"statusQueryGetUri": STATUS}), "200 "),
        (answer(201), "201; if 201 accepts it, write accepted = [201] below [start] for --service"),
        (answer(500), "500"),
        (answer(202, {"id": "abc"}), "202 without statusQueryGetUri or Location"),
        (answer(202, ["no", "object"]), "202 without statusQueryGetUri or Location"),
        (answer(202, {"statusQueryGetUri": 7}), "202 without statusQueryGetUri or Location"),
    ],
)
def test_anything_but_a_202_with_a_place_to_poll_is_refused(refusal, message):
    """A start that was not accepted, or cannot be followed, says what it was instead."""
    with pytest.raises(UnreadableAnswerError) as error:
        read_accepted(refusal, DURABLE, START)
    assert str(error.value).startswith(message)


def test_a_template_needs_an_id():
    """The app's status route cannot be polled if the start response has no id."""
    with pytest.raises(UnreadableAnswerError, match="without an id"):
        read_accepted(answer(location="/status/1"), durable_status_route(), START, "http://host")


def test_both_shapes_of_status_are_read():
    """The durable webhook and the app's own route name alike what matters."""
    body = {"runtimeStatus": "Completed", "output": {"finishedAt": "2026-01-02T03:04:05.250Z"}}
    status = read_durable(answer(200, {**body, "lastUpdatedTime": "2026-01-02T03:04:05Z", "createdTime": None}))
    assert status.phase is Phase.SUCCEEDED
    assert status.output == body["output"]
    assert status.created_epoch_s is None
    assert (status.updated_epoch_s % 60, status.update_is_coarse) == (5.25, False)


@pytest.mark.parametrize(
    ("updated", "output", "seconds", "is_coarse"),
    [
        ("2026-01-02T03:04:05.75Z", {"finishedAt": "2026-01-02T03:04:05.25Z"}, 5.75, False),
        ("2026-01-02T03:04:05.1234567Z", None, 5.123456, False),
        ("2026-01-02T03:04:05Z", {"finishedAt": "2026-01-02T03:04:05.25+00:00"}, 5.25, False),
        ("2026-01-02T03:04:05Z", "some text", 5, True),
        ("2026-01-02T03:04:05Z", {"finishedAt": "soon"}, 5, True),
        (None, None, None, False),
    ],
)
def test_the_finest_time_of_the_end_is_taken(updated, output, seconds, is_coarse):
    """Sub-second lastUpdatedTime, else the output's finishedAt, else whole seconds, flagged as coarse."""
    status = read_durable(answer(200, {"runtimeStatus": "Completed", "lastUpdatedTime": updated, "output": output}))
    found = None if status.updated_epoch_s is None else status.updated_epoch_s % 60
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-5))
    assert status.update_is_coarse is is_coarse


@pytest.mark.parametrize(
    ("service", "seconds"),
    [
        (durable_webhooks(), 5.25),
        (durable_status_route(), 5.25),
        (durable_webhooks("/api/other"), 5),
        (durable_webhooks("/api/other", finished_at="/output/done"), 5.5),
        (durable_status_route("/api/other", finished_at="/output/done"), 5.5),
    ],
)
def test_only_the_sample_app_is_known_to_put_out_its_times(service, seconds):
    """An app of another route may use the sample's names for something else; it can name its own."""
    output = {
        "finishedAt": "2026-01-02T03:04:05.25Z",
        "done": "2026-01-02T03:04:05.5Z",
        "startedAt": "2026-01-01T00:00Z",
    }
    body = {"runtimeStatus": "Completed", "lastUpdatedTime": "2026-01-02T03:04:05Z", "output": output}
    status = read_status(answer(200, body), service.status)
    assert status.updated_epoch_s % 60 == seconds
    assert (status.running_epoch_s is not None) is (service.start.path == "/api/async_http_api")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"runtimeStatus": null}', b"\xff", b"[" * 100_000])
def test_what_is_no_status_is_unreadable(body):
    """A status without a runtimeStatus is no status, however broken it is."""
    with pytest.raises(UnreadableAnswerError, match="200"):
        read_durable(HttpResponse(200, {}, body))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "10"}, 10),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:07 GMT", "date": "Fri, 02 Jan 2026 00:00:05 GMT"}, 2),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:01 GMT", "date": "Fri, 02 Jan 2026 00:00:05 GMT"}, 0),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:07 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers, seconds):
    """Retry-After is a number, or a date that is compared with the answer's own; anything else asks for nothing."""
    assert read_retry_after_s(headers) == seconds


@pytest.mark.parametrize("text", [None, 5, "", "yesterday", "2026-01-02T03:04:05"])
def test_a_time_without_a_zone_is_no_time(text):
    """Only ISO 8601 with a zone is a moment; a local time could be anywhere."""
    assert read_epoch_s(text) is None


def test_an_excerpt_hides_keys_and_stays_short():
    """What is quoted of a body fits in a line and carries no function key."""
    quoted = excerpt(b"see\n http://host/x?taskHub=h&code=secret&a=1 " + b"x" * 1000)
    assert quoted.startswith("see http://host/x?taskHub=h&code=…&a=1 x")
    assert len(quoted) == EXCERPT_CHARS


def test_an_excerpt_is_the_text_itself():
    """Tokens and instance ids are in it as they were: an example is the real text, and only grouping takes them out."""
    token, instance_id = f"Steady-3-{'0a' * 16}", "0f8fad5b-d9cb-469f-a165-70867728950e"
    printed = f'{{"error": "no {token} in {instance_id}, 12 tries"}}'
    assert excerpt(printed.encode()) == printed
    assert grouped(printed) == '{"error": "no {id} in {id}, {number} tries"}'


@pytest.mark.parametrize("cut", [excerpt_of_text, both_ends])
@pytest.mark.parametrize("before", range(120, 200, 7))
def test_no_id_is_cut_in_two(cut, before):
    """A part of an id is not known for one, and would make each reason another one."""
    words = ("a " * 100)[:before]
    reasons = {grouped(cut(f"{words} {number:032x} {'b ' * 300}{number:032x}{' c' * 70}")) for number in (3, 4)}
    assert len(reasons) == 1


@pytest.mark.parametrize(
    ("before", "raised", "message"),
    [
        ("Activity function 'ship' failed: KeyError: 'kg' (scales.py:8) \n", "KeyError: 'kg'", ""),
        ("Orchestrator function 'o' failed: \n", "ValueError: no luck", "… ValueError: no luck"),
    ],
)
def test_the_frames_of_a_traceback_are_in_no_reason(before, raised, message):
    """A reason is one line: an error is reported once, and its frames are in the log and on the page that stays."""
    text = f'{before}Traceback (most recent call last):\n  File "a.py", line 3, in b\n    c()\n{raised}\n'
    assert both_ends(text) == " ".join(f"{before} {message}".split())


def test_a_message_that_is_a_traceback_alone_is_kept():
    """Nothing else says what happened."""
    text = "Traceback (most recent call last): a\nb"
    assert both_ends(text) == "Traceback (most recent call last): a b"


def test_the_message_of_a_failure_keeps_its_end():
    """What failed first is at the end, behind what it went through; without room for all the middle is left out."""
    way = "Orchestrator function 'assemble' failed: " * 12
    short = both_ends(f"{way[:200]}ValueError: saw broke on part 2")
    assert short == f"{way[:200]}ValueError: saw broke on part 2"
    cut = both_ends(f"{way}Activity function 'cut' failed: ValueError: saw broke on part 2")
    assert cut.startswith("Orchestrator function 'assemble' failed")
    assert cut.endswith("Activity function 'cut' failed: ValueError: saw broke on part 2")
    assert len(cut) <= FAILURE_CHARS
    assert both_ends(f"first {'x' * 1_000_000} last").endswith("x last")


DEEP = b'{"id": "abc", "output": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://host/\ud800", r"a URL with \\ud800 in it"),
        ("http://host/\r\nHost: other", r"a URL with \\x0d in it"),
        ("http://host/" + "a" * 20_000, "a URL of 20,012 characters"),
        ("http://[::1", "a URL without a valid host or port"),
        ("http://host:99999/", "a URL without a valid host or port"),
        ("file:///etc/passwd", "a URL of the scheme 'file'"),
        ("javascript:alert(1)", "a URL of the scheme 'javascript'"),
    ],
)
def test_a_status_url_that_cannot_be_asked_for(url, message):
    """A start that names no usable status URL is refused, with a reason that is the same for all of its kind."""
    with pytest.raises(UnreadableAnswerError, match=f"^{message}, which cannot be asked for$"):
        read_accepted(answer(body={"id": "abc", "statusQueryGetUri": url}), DURABLE, START)


def test_a_terminate_url_that_cannot_be_asked_for():
    """An operation without a usable URL to end it is followed anyway; it cannot be ended."""
    printed = answer(body={"id": "abc", "statusQueryGetUri": STATUS, "terminatePostUri": "mailto:me"})
    assert read_accepted(printed, DURABLE, START).terminate_url is None


@pytest.mark.parametrize("given_id", ["a\ud800", "a\x00b", "a\nb", "a" * 2_000])
def test_an_id_that_no_url_can_have(given_id):
    """A start whose id has half a character, control characters or no end is refused, and the reason is short."""
    with pytest.raises(UnreadableAnswerError, match="202 with an id that cannot be asked for") as caught:
        read_accepted(answer(body={"id": given_id, "statusQueryGetUri": STATUS}), DURABLE, START)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("given_id", [None, "", True, 1.5, {"a": 1}, ["abc"]])
def test_an_id_that_is_no_text(given_id):
    """Whatever is neither text nor a whole number is no id."""
    printed = answer(body={"id": given_id, "statusQueryGetUri": STATUS})
    assert read_accepted(printed, DURABLE, START).instance_id is None


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b'{"runtimeStatus": ' + b"9" * 10_000 + b"}",
        b'{"runtimeStatus": NaN}',
        b'\xff\xfe{"runtimeStatus": "\xc3"}',
        b'{"runtimeStatus": {"' + b"x" * 100_000 + b'": 1}, "' + b"y" * 100_000 + b'": 1}',
        b"\x00" * 100_000,
    ],
)
def test_a_body_that_is_no_status(body):
    """Nesting without end, endless numbers, invalid UTF-8: the answer is unreadable, for a reason of one short line."""
    with pytest.raises(UnreadableAnswerError) as caught:
        read_durable(HttpResponse(200, {}, body))
    assert len(str(caught.value)) <= 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\ud800", "1e9"])
def test_times_at_the_end_of_time(text):
    """A time that no clock shows is unknown or far away, and never an exception."""
    moment = read_epoch_s(text)
    assert moment is None or abs(moment) > 1e10


@pytest.mark.parametrize("value", ["9" * 400, "-1", "Mon, 99 Nov 99999999999999999999 99:99:99 GMT", "\x00"])
def test_a_retry_after_that_is_no_time(value):
    """A Retry-After that cannot be read counts as none."""
    assert read_retry_after_s({"retry-after": value, "date": "Mon, 23 Nov 2026 10:00:00 GMT"}) is None


@pytest.mark.parametrize(
    "text",
    [
        "http://x/?code=KEY&a=b",
        "http://x/?a=b&CODE=KEY",
        "<a href='http://x/?a=b&amp;code=KEY&amp;c=d'>",
        r"http://x/?a=b\u0026code=KEY\u0026c=d",
        "http://y/?to=http%3A%2F%2Fx%2F%3Fcode%3DKEY%26c%3Dd",
        "{'x-functions-key': 'KEY', 'a': 'b'}",
        "X-Functions-Key: KEY",
        '"Authorization": "Bearer KEY"',
        "authorization=Basic KEY",
    ],
)
def test_keys_are_blanked_in_any_writing(text):
    """A key in a URL, however that is written, or in a header that a service repeats is not repeated by us."""
    assert redact_keys(text) == text.replace("KEY", "…")


@pytest.mark.parametrize("text", ["status code=5", "error code: 7", "decode=1", "author: me"])
def test_what_is_no_key_is_left(text):
    """Other words are as they were."""
    assert redact_keys(text) == text


def test_an_answer_is_read_as_those_of_other_clients():
    """`ok`, `text` and `json()` of an answer mean what they mean in requests and httpx."""
    answer = HttpResponse(201, {"content-type": "application/json"}, '{"é": [1]}'.encode())
    assert (answer.ok, answer.text, answer.json()) == (True, '{"é": [1]}', {"é": [1]})
    assert not HttpResponse(302, {}, b"").ok


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain; charset=iso-8859-1", b"caf\xe9", "café"),
        ("text/plain", "café".encode(), "café"),
        ("", b"\xff", "\N{REPLACEMENT CHARACTER}"),
        ("text/plain; charset=martian", "café".encode(), "café"),
    ],
)
def test_text_is_in_the_charset_of_its_answer(kind, body, text):
    """The charset that an answer names counts, UTF-8 for want of one that Python knows; no byte raises."""
    assert HttpResponse(200, {"content-type": kind}, body).text == text


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"{"])
def test_json_of_an_answer_without_any_shows_what_came(body):
    """`json()` of another body raises an error with the status and what the body begins with, and no key of its URL."""
    answer = HttpResponse(502, {}, body, "http://host/api/orders?code=secret")
    with pytest.raises(ValueError, match=r"was answered with 502: the answer is (not JSON|empty)") as caught:
        answer.json()
    assert "secret" not in str(caught.value)
    assert body.decode() in str(caught.value)


@pytest.mark.parametrize("name", ["Answer", "NoAnswer", "Measurement"])
def test_former_names_are_still_imported(name):
    """Scenarios of the release before import these names; each warns with the name of today."""
    with pytest.warns(DeprecationWarning, match=f"operations.{name} is now "):
        assert getattr(durable_harness.operations, name).__module__.startswith("durable_harness.operations.")
