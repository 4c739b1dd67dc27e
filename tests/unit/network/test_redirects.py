"""Which of a user's headers a redirect takes along, by which method it is followed, and where it may not lead."""

import pytest

from durable_harness.network.redirects import BadUrlError, ascii_url, follow, headers_for, is_downgrade, is_same_origin

HOME = "https://api.example/start?x=1"
SECRETS = {"x-functions-key": "k", "Authorization": "Bearer t", "Cookie": "c=1", "X-Api-Key": "s", "X-Mine": "m"}
PUBLIC = {"Accept": "application/json", "Content-Type": "application/json"}
ELSEWHERE = [
    "https://other.example/start",
    "https://api.example:8443/start",
    "http://api.example/start",
    "//evil.example/start",
    "https://api.example@evil.example/",
    "https://api.example.evil.example/",
    "https:\\\\evil.example/",
]


@pytest.mark.parametrize("location", ELSEWHERE[:-1])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_header_of_the_users_goes_to_another_origin(status, location):
    """Another scheme, host or port gets none of the user's headers, keys or not."""
    following = follow(status, location, "GET", HOME, SECRETS | PUBLIC)
    assert following.headers == PUBLIC


@pytest.mark.parametrize("location", ["/there", "there", "?y=2", "https://API.example:443/there", "//api.example/x"])
def test_the_origin_itself_keeps_them(location):
    """A relative place, and the same origin in other words, get all headers."""
    assert follow(302, location, "GET", HOME, SECRETS | PUBLIC).headers == SECRETS | PUBLIC


def test_what_was_left_behind_does_not_come_back():
    """A detour over another origin may end at home again, but at a place that the other one chose."""
    away = follow(307, "https://evil.example/", "POST", HOME, SECRETS)
    back = follow(307, "https://api.example/delete-all", away.method, away.url, away.headers)
    assert back.headers == {}


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (302, "GET", "GET"),
    ],
)
def test_methods_change_as_in_fetch(status, method, expected):
    """303 asks for the result; 301 and 302 turn a POST into a GET; a request that became one has no body."""
    following = follow(status, "/there", method, HOME, {"Content-Type": "text/plain", "Accept": "a"})
    assert (following.method, following.keeps_body) == (expected, expected == method)
    assert ("Content-Type" in following.headers) == (expected == method)


@pytest.mark.parametrize(
    "location", ["ftp://x/", "file:///etc/passwd", "javascript:1", "http://[::1", "http://x:port/", "http://x:0/"]
)
def test_a_place_that_no_client_of_ours_goes_to(location):
    """Other schemes and malformed URLs are refused, by a message that does not repeat them."""
    with pytest.raises(BadUrlError) as refused:
        follow(302, location, "GET", HOME, {})
    assert location not in str(refused.value)


def test_a_fragment_is_not_sent():
    """What stands behind # is the client's own business."""
    assert follow(302, "/there#here", "GET", HOME, {}).url == "https://api.example/there"


@pytest.mark.parametrize("location", ELSEWHERE)
def test_an_origin_is_scheme_host_and_port(location):
    """No spelling makes another server look like the own one."""
    assert not is_same_origin(location, HOME)
    assert headers_for(location, SECRETS, HOME) == {}


def test_a_downgrade_is_noticed():
    """From https to http is one; a relative place and the way up are none."""
    assert is_downgrade(HOME, "http://api.example/")
    assert not is_downgrade(HOME, "/there")
    assert not is_downgrade("http://api.example/", HOME)


@pytest.mark.parametrize(
    ("url", "on_the_wire"),
    [
        ("http://localhost:7071/api/a?b=%20c", "http://localhost:7071/api/a?b=%20c"),
        ("http://localhost:7071/api/ünï/start", "http://localhost:7071/api/%C3%BCn%C3%AF/start"),
        ("http://localhost/api/100%25/ü?q=ï x#ä", "http://localhost/api/100%25/%C3%BC?q=%C3%AF%20x#%C3%A4"),
        ("https://ü:ï@bücher.example/a", "https://%C3%BC:%C3%AF@xn--bcher-kva.example/a"),
        ("http://[::1]:80/ü", "http://[::1]:80/%C3%BC"),
    ],
)
def test_a_url_is_encoded_for_the_wire(url, on_the_wire):
    """Letters beyond ASCII and spaces are encoded, what is encoded already stays, and a host is written as in DNS."""
    assert ascii_url(url) == on_the_wire
