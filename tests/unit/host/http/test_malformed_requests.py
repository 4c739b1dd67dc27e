"""Requests and responses that cannot be: refused before anything reads them."""

from types import SimpleNamespace

import pytest
from multidict import CIMultiDict

from durable_harness.host.durable_http.messages import ApiError, ApiRequest, Query
from durable_harness.host.durable_http.start_options import check_instance_id, has_moment, read_wait_s, set_trace
from durable_harness.host.http.handlers import problem_of
from durable_harness.host.http.http_values import UnusableResultError, declared_length, usable_headers, usable_status
from durable_harness.protocol import pb

TRACE_PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


def problem(target="/", *headers):
    return problem_of(SimpleNamespace(raw_path=target, headers=CIMultiDict(headers or [("Host", "a:80")])))


@pytest.mark.parametrize("target", ["/", "/a%20b?%00", "*", "http://A:80/x"])
def test_a_request_of_this_host_is_read(target):
    """A path, a star and a whole URL of the host that is asked are what a request line may name."""
    assert problem(target) == ""


@pytest.mark.parametrize("target", ["/ü", "/a%00", "/a\x00?b"])
def test_a_url_is_ascii_without_nul(target):
    """Other characters must be percent-encoded, and no path has NUL in it."""
    assert problem(target).startswith("The URL must be ASCII")


@pytest.mark.parametrize("target", ["http://b:80/", "ftp://a:80/", "http://[", "x"])
def test_a_url_of_another_host_is_refused(target):
    """A request line must not name another host than the header does."""
    assert problem(target) == "The request line names a URL of another host than the Host header does."


@pytest.mark.parametrize("hosts", [["a", "b"], ["a b"], ["a:port"], ["[::1"]])
def test_a_host_is_one_name(hosts):
    """Two hosts, or what is no name with a port, are refused."""
    assert problem("/", *[("Host", host) for host in hosts]).startswith("The Host header must be one host name")


def test_a_header_is_utf8():
    """Bytes that are no UTF-8 are refused, other letters are not."""
    assert problem("/", ("Host", "a"), ("X-Own", "\udce4")) == "A header is not UTF-8 text."
    assert problem("/", ("Host", "[::1]:80"), ("X-Own", "ä")) == ""


@pytest.mark.parametrize("status", [100, 199, 1000])
def test_a_status_that_no_response_has_is_unusable(status):
    """Only statuses that end a request can be sent."""
    with pytest.raises(UnusableResultError, match=f"answered with the status {status}; expected a status from 200 on"):
        usable_status(status)
    assert usable_status(200) == 200


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (("a b", "x"), "answered with the header 'a b'; this is not a header name"),
        (("a", "x\r\ny"), "answered with the header a with a line break or NUL in its value"),
    ],
)
def test_a_header_that_breaks_the_response_is_unusable(header, message):
    """A function cannot write another header, or a body, into its header."""
    with pytest.raises(UnusableResultError, match=message):
        usable_headers([header])


def test_headers_of_the_connection_are_the_hosts():
    """What a function says about the connection is left out, and a length is read by itself."""
    given = [("X-Own", "1"), ("connection", "close"), ("Content-Length", "7"), ("TE", "x")]
    assert dict(usable_headers(given)) == {"X-Own": "1"}
    assert (declared_length(given), declared_length([("X-Own", "1")])) == (7, None)


@pytest.mark.parametrize(
    ("instance_id", "message"),
    [
        (".", "must not be '.' or '..'"),
        ("..", "must not be '.' or '..'"),
        ("@a", "must not start with @"),
        ("a" * 257, "must not exceed 256 characters"),
        ("a/b", "must not contain '/'"),
        ("a\x7f", "control characters"),
    ],
)
def test_an_id_that_no_instance_has_is_refused(instance_id, message):
    """Ids that the Durable extension refuses, or that no URL can name, are an error of the caller."""
    with pytest.raises(ApiError, match=message) as refused:
        check_instance_id(instance_id)
    assert refused.value.status == 400


def asked(query="", *, is_local=False, **headers):
    return ApiRequest("POST", "/", Query(query), headers, None, "http://a/", "http://a", is_local)


def test_a_query_has_its_names_in_lower_case():
    """Names and values are trimmed, repeated names are joined, and methods find a name in any case."""
    query = Query("Version=%201.0%20&timeOut=1&TIMEOUT=2&empty=")
    assert dict(query) == {"version": "1.0", "timeout": "1,2", "empty": ""}
    assert (query.text("VERSION"), query.text("empty"), query.text("none")) == ("1.0", None, None)
    assert not Query("")


@pytest.mark.parametrize(("query", "expected"), [("t=2026-01-01T00:00:00Z", True), ("t=soon", False), ("", False)])
def test_a_moment_is_a_time(query, expected):
    """A text that is no time counts as no moment."""
    assert has_moment(asked(query), "t") == expected


@pytest.mark.parametrize(("query", "wait_s"), [("", None), ("timeout=5", None), ("timeout=5&pollingInterval=1", 5)])
def test_a_start_waits_if_both_times_are_given(query, wait_s):
    """A start waits for its end only with a time and an interval."""
    assert read_wait_s(asked(query)) == wait_s


def test_a_wait_is_longer_than_its_interval():
    """A start that could not be polled even once is refused before anything is started."""
    with pytest.raises(ApiError, match="Total timeout 1 should be bigger than retry timeout 5"):
        read_wait_s(asked("timeout=1&pollingInterval=5"))


@pytest.mark.parametrize("state", ["", "a=b"])
def test_a_trace_is_handed_on(state):
    """The two headers of W3C reach the instance that is started."""
    start = pb.CreateInstanceRequest()
    set_trace(start, asked(traceparent=TRACE_PARENT, tracestate=state))
    found = start.parentTraceContext
    assert (found.traceParent, found.traceState.value, found.HasField("traceState")) == (
        TRACE_PARENT,
        state,
        bool(state),
    )


@pytest.mark.parametrize("headers", [{"traceparent": "x"}, {"traceparent": TRACE_PARENT, "tracestate": "ü"}])
def test_another_trace_is_refused_from_outside(headers):
    """A caller's header that is no trace is an error; from a function's own client it counts as absent."""
    with pytest.raises(ApiError, match="must be those of W3C Trace Context"):
        set_trace(pb.CreateInstanceRequest(), asked(**headers))
    start = pb.CreateInstanceRequest()
    set_trace(start, asked(is_local=True, **headers))
    assert not start.HasField("parentTraceContext")
