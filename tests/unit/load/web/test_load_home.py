"""Which hosts the web form may choose: what is secret goes to that of the start alone."""

from types import SimpleNamespace

import pytest

from durable_harness.errors import UsageError

HOME = "https://mine.example"
OTHER = "https://other.example"


@pytest.fixture
def home(import_unpatched):
    """Return the class; Locust is imported without patching the standard library of the tests."""
    return import_unpatched("durable_harness.load.web.home").Home


def options(function_key=None):
    """Return options as far as they may be secret."""
    return SimpleNamespace(function_key=function_key)


def scenario(*, start=None, status=None):
    """Return a scenario whose service sends these headers."""
    service = SimpleNamespace(
        name="orders", start=SimpleNamespace(headers=start or {}), status=SimpleNamespace(headers=status or {})
    )
    return SimpleNamespace(described_by=lambda _options: service)


def test_without_a_secret_any_host_may_be_chosen(home):
    """Neither a plain user, nor a service without headers, nor one that is not described has something to hide."""
    plain = [SimpleNamespace(), scenario(), SimpleNamespace(described_by=lambda _options: None)]
    assert home(HOME).read(OTHER, options(), plain) == OTHER


def test_a_function_key_goes_to_the_host_of_the_start(home):
    """Another host is refused with the reason and the way out; another path of the same origin is not."""
    mine = home(HOME)
    with pytest.raises(UsageError, match=r"other\.example does not get the function key: .*the other --host"):
        mine.read(OTHER, options("secret"), [])
    assert mine.read(HOME, options("secret"), []) == HOME
    assert mine.read(f"{HOME}/base", options("secret"), []) == f"{HOME}/base"


@pytest.mark.parametrize("where", ["start", "status"])
def test_headers_of_a_service_go_to_the_host_of_the_start(home, where):
    """Headers of starts and of polls may be secret: the message names the service that has them."""
    users = [scenario(), scenario(**{where: {"x-key": "secret"}})]
    with pytest.raises(UsageError, match="the headers of the service 'orders'"):
        home(HOME).read(OTHER, options(), users)


def test_the_form_gives_the_host_back_without_its_password(home):
    """The form shows the host of the start without user name and password; with what it shows both are used."""
    mine = home("https://user:word@mine.example")
    assert mine.read("https://mine.example", options("secret"), []) == "https://user:word@mine.example"
