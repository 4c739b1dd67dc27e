"""The URLs that manage an instance: whatever stands in an id, a hub or a connection stays in its place."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from durable_harness.host.app.bindings import DurableEndpoints

ODD = ("a%41", "a/b", "a?b", "a#b", "a b", "žito", "a&code=b", "..%2f..")


@pytest.mark.parametrize("odd", ODD)
def test_each_part_is_encoded_once(odd):
    """Read back as a server reads it, each URL has the instance, hub, connection and key that were meant."""
    endpoints = DurableEndpoints("http://localhost:7071", None, task_hub=odd, connection=odd, code=odd)
    for url in list(endpoints.management_urls(odd, rewind=True).values())[1:]:
        parts = urlsplit(url)
        assert unquote(parts.path.split("/")[5]) == odd
        query = parse_qs(parts.query)
        assert (query["taskHub"], query["connection"], query["code"]) == ([odd], [odd], [odd])
        assert not parts.fragment


def test_keys_are_not_shown():
    """What is printed of the endpoints holds neither the key nor the secret path."""
    endpoints = DurableEndpoints("http://localhost:7071", "http://127.0.0.1:1/path/", "hub", "connection", "key-1")
    assert not [secret for secret in ("path", "key-1") if secret in repr(endpoints)]
