"""Which names can only be this machine's or its network's, whoever asks DNS."""

import pytest
from aiohttp.test_utils import make_mocked_request

from durable_harness.network.callers import HOSTS_VARIABLE, foreign

OWN = (
    *("localhost", "LOCALHOST:7071", "localhost.", "127.0.0.1:1", "[::1]:7071", "192.168.1.5", "[fe80::1]"),
    *("scheduler:8082", "host.docker.internal", "app.default.svc", "app.default.svc.cluster.local", "box.local:80"),
)
ANYBODYS = (
    *("evil.example", "evil.example.", "localhost.evil.example", "127.0.0.1.nip.io", "evil.example:7071"),
    *("localhost@evil.example", "evil.example#localhost", "evil.example/localhost", "::1", "[::1", "", "a b.example"),
)


def asked(headers, method="GET"):
    return foreign(make_mocked_request(method, "/", headers))


@pytest.mark.parametrize("host", OWN)
def test_own_names(host):
    """Addresses, names without a dot and names that public DNS does not serve."""
    assert not asked({"Host": host})


@pytest.mark.parametrize("host", ANYBODYS)
def test_names_that_a_stranger_may_point_here(host):
    """Any other name, and what is no name, is refused."""
    assert asked({"Host": host})


def test_a_name_that_is_allowed(monkeypatch):
    """The variable adds names, in any case; an empty one adds none."""
    monkeypatch.setenv(HOSTS_VARIABLE, " Box.Example , ")
    assert not asked({"Host": "box.example:7071"})
    assert asked({"Host": "evil.example"})
    monkeypatch.setenv(HOSTS_VARIABLE, "*")
    assert not asked({"Host": "evil.example"})


@pytest.mark.parametrize("origin", ["http://localhost:3000", "null", "http://evil.example", "localhost:7071", "x"])
def test_pages_of_other_origins(origin):
    """Another port is another origin, and what is no origin is none of ours."""
    assert asked({"Host": "localhost:7071", "Origin": origin}, "POST")
    assert not asked({"Host": "localhost:7071", "Origin": "http://localhost:7071"}, "POST")
