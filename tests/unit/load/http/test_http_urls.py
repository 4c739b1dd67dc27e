"""URLs and requests of the load generator's client, as they go over the wire."""

import pytest

from durable_harness.load.http.exchange import HttpRequest
from durable_harness.load.http.request_urls import split_url
from durable_harness.network.redirects import BadUrlError


@pytest.mark.parametrize(
    ("url", "host_header", "target"),
    [
        ("http://here", "here", "/"),
        ("http://here:80/a", "here", "/a"),
        ("https://here:443?x=1", "here", "/?x=1"),
        ("https://here:80/a/%20b?code=a%2Fb==#part", "here:80", "/a/%20b?code=a%2Fb=="),
        ("http://[::1]:7071/a", "[::1]:7071", "/a"),
        ('http://h/ä b?ü="', "h", "/%C3%A4%20b?%C3%BC=%22"),
        ("http://bücher.example/", "xn--bcher-kva.example", "/"),
    ],
)
def test_a_url_is_split(url, host_header, target):
    """Default ports are left out of the Host header, what is encoded stays, what cannot go over the wire is encoded."""
    origin, found = split_url(url)
    assert (origin.host_header, found) == (host_header, target)


@pytest.mark.parametrize("url", ["", "here/a", "ftp://here/", "http:///a", "http://here:port/", "http://[::1/"])
def test_what_is_no_url_is_refused(url):
    """Anything but an http or https URL with a host is refused, in words without the URL and its keys."""
    with pytest.raises(BadUrlError, match=r"^the URL "):
        split_url(url)


def test_a_user_name_in_the_url_is_basic_authorization():
    """User name and password go into a header, decoded, and not into the Host."""
    data = HttpRequest("GET", "http://me:p%40ss@here/", {}).data.decode()
    assert "Authorization: Basic bWU6cEBzcw==\r\n" in data
    assert "Host: here\r\n" in data


def test_a_request_with_a_body_has_its_length():
    """Headers are those that were given, and the body follows them."""
    data = HttpRequest("POST", "http://here/a", {"X-Key": "k"}, b"{}").data
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a HTTP/1.1\r\nHost: here\r\n")
    assert {b"X-Key: k", b"Content-Length: 2"} <= set(head.split(b"\r\n"))
    assert body == b"{}"


def test_a_header_cannot_smuggle_another():
    """A line break in a header is refused before anything is sent."""
    with pytest.raises(ValueError, match="line break"):
        HttpRequest("GET", "http://here/", {"X": "1\r\nX-Other: 2"})
