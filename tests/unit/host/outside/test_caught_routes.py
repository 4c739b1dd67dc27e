"""Hosts, ports and names of connections that may go to a test, however an app gives them."""

import pytest

from durable_harness.host.outside.caught_routes import (
    HostPattern,
    Names,
    is_address,
    name_in,
    places,
    port_in,
)


def test_each_name_has_its_own_stand_in():
    """The address that stands for a name leads back to it, and is the same each time."""
    names = Names()
    first = names.stand_in("a.org")
    assert names.stand_in("a.org") == first != names.stand_in("b.org")
    assert (names.name_of(first), names.is_stand_in(first)) == ("a.org", True)
    names.note("c.org", ["192.0.2.1"])
    assert (names.name_of("192.0.2.1"), names.is_stand_in("192.0.2.1")) == ("c.org", False)
    assert names.name_of("192.0.2.2") == "192.0.2.2"


@pytest.mark.parametrize(("host", "known"), [("192.0.2.1", True), ("fe80::1%eth0", True), ("a.org", False)])
def test_an_address_is_no_name(host, known):
    """An address may have a zone; a name is none."""
    assert is_address(host) == known


@pytest.mark.parametrize(("host", "name"), [(b"A.org.", "a.org"), (bytearray(b"a"), "a"), ("A", "a"), (None, None)])
def test_a_host_is_compared_as_a_name(host, name):
    """Text and bytes are the same name, in any case and with the dot at the end; anything else is none."""
    assert name_in(host) == name


@pytest.mark.parametrize(
    ("given", "port"), [(b"https", 443), ("80", 80), (8080, 8080), ("smtp", None), (None, None), (0, None)]
)
def test_a_port_may_be_given_in_many_ways(given, port):
    """A number, its text and a service of the web are ports; what names none is None."""
    assert port_in(given) == port


def test_places_are_read_from_json():
    """A place is plain unless it says TLS."""
    assert list(places([{"host": "a", "port": 1}])) == [HostPattern("a", 1, tls=False)]
