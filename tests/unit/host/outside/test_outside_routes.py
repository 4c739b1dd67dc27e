"""Which connections of an app are led to a test, and the names and addresses that they are known by."""

import socket

import pytest

from durable_harness.host.outside import CaughtConnections
from durable_harness.host.outside.caught_routes import CaughtRoute, HostPattern, Names, is_here, name_in, port_in
from durable_harness.testing.outside.request_rules import UrlPattern

ROUTE = CaughtRoute(
    plain_port=1,
    tls_port=2,
    answered=(
        HostPattern("*.blobs.example", 10_000),
        HostPattern("api.example", 8443, tls=True),
        HostPattern("127.0.0.1", 9000),
    ),
    passing=(HostPattern("login.example", 443),),
)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("any.example", 80, 1),
        ("any.example", 443, 2),
        ("203.0.113.9", 443, 2),
        ("any.example", 5432, None),
        ("a.blobs.example", 10_000, 1),
        ("api.example", 8443, 2),
        ("127.0.0.1", 9000, 1),
        ("127.0.0.1", 443, None),
        ("localhost", 80, None),
        ("::1", 443, None),
        ("login.example", 443, None),
    ],
)
def test_where_connections_go(host, port, expected):
    """Ports 80 and 443 of other machines and what a test names are led to it; others are not."""
    assert ROUTE.port_for(host, port) == expected
    assert ROUTE.wants(host, port) is (expected is not None)


@pytest.mark.parametrize(
    ("host", "expected"), [("any.example", True), ("localhost", False), ("127.0.0.1", True), ("127.0.0.2", False)]
)
def test_names_that_are_looked_up_without_a_port(host, expected):
    """A name whose port is not known yet is led if any connection to it might be."""
    assert ROUTE.wants(host, None) is expected


def test_names_behind_addresses():
    """A stand-in belongs to one name and is no real address; an address that was looked up gives its name as well."""
    names = Names()
    assert names.stand_in("a.example") == names.stand_in("a.example") != names.stand_in("b.example")
    assert names.name_of(names.stand_in("b.example")) == "b.example"
    assert names.is_stand_in(names.stand_in("a.example"))
    names.note("c.example", ["203.0.113.1"])
    assert names.name_of("203.0.113.1") == "c.example"
    assert not names.is_stand_in("203.0.113.1")
    assert names.name_of("203.0.113.2") == "203.0.113.2"


@pytest.mark.parametrize(
    ("port", "expected"), [(80, 80), ("443", 443), (b"80", 80), ("https", 443), (None, None), (0, None), ("odd", None)]
)
def test_ports_as_libraries_give_them(port, expected):
    """A port may be a number, text, bytes or a service's name."""
    assert port_in(port) == expected


def test_hosts_as_libraries_give_them():
    """A host may be bytes, in capitals, or end in the dot of a full name."""
    assert name_in(b"API.Example.") == "api.example"
    assert name_in(None) is None
    assert is_here("fe80::1%eth0")


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("https://api.example", "https://api.example/orders/1?a=b", True),
        ("https://api.example/orders/*", "https://api.example/orders/1", True),
        ("https://api.example/orders", "https://api.example/orders/1", False),
        ("https://api.example:443/a", "https://api.example/a", True),
        ("http://api.example:8080/a?b=1", "http://api.example:8080/a?b=1", True),
        ("https://api.example/a?b=1", "https://api.example/aXb=1", False),
        ("https://*.blob.example/*", "https://one.blob.example/c", True),
        ("https://api.example/a[1]", "https://api.example/a[1]", True),
        ("HTTPS://API.example/A", "https://api.example/A", True),
    ],
)
def test_patterns_of_urls(pattern, url, expected):
    """Only `*` stands for other text, and a port that is the usual one need not be written."""
    assert UrlPattern.of(pattern).fits(url) is expected


@pytest.fixture
def caught():
    """Return connections that are caught, in a world where every name has one address."""
    caught = CaughtConnections()
    caught._real_names = lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.1", _[1]))]
    caught.lead(ROUTE, None)
    return caught


@pytest.fixture
def connection():
    """Yield a socket that is not connected."""
    with socket.socket() as made:
        yield made


def test_a_name_that_passes_is_known_by_its_address(caught, connection):
    """A connection to the address of a service that the test lets pass goes there, although it is at port 443."""
    caught.looked_up("login.example", caught._real_names("login.example", 443))
    assert caught.led(connection, ("203.0.113.1", 443)) == ("203.0.113.1", 443)
    caught.looked_up("other.example", caught._real_names("other.example", 443))
    assert caught.led(connection, ("203.0.113.1", 443)) == ("127.0.0.1", 2)


def test_a_stand_in_that_is_connected_to_otherwise(caught, connection):
    """A name that was looked up without its port, or in an earlier test, is connected to at its real address."""
    stand_in = caught.stand_in("db.example")
    assert caught.led(connection, (stand_in, 443)) == ("127.0.0.1", 2)
    assert caught.led(connection, (stand_in, 5432)) == ("203.0.113.1", 5432)
    caught.lead(None, None)
    assert caught.led(connection, (stand_in, 443)) == ("203.0.113.1", 443)


def test_sockets_of_other_kinds(caught):
    """A socket of a file has no port, and goes where it goes."""
    with socket.socket(socket.AF_UNIX) as made:
        assert caught.led(made, "/run/service") == "/run/service"
