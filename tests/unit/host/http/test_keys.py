"""Which keys open what."""

import pytest

from durable_harness.host.http.keys import Keys

KEYS = Keys(are_checked=True, host="host", master="master", system="system", functions={"ONE": "of one"})


@pytest.mark.parametrize(
    ("name", "level", "opens"),
    [
        ("one", "function", {"host", "master", "of one"}),
        ("other", "Function", {"host", "master"}),
        ("one", "admin", {"master"}),
    ],
)
def test_a_function_is_opened_by_the_keys_of_its_level(name, level, opens):
    """A function's own key opens it alone, the master key everything, the system key no function."""
    assert set(KEYS.of_function(name, level)) == opens


def test_a_function_for_everyone_needs_no_key():
    """Without regard to case, the level anonymous asks for none."""
    assert KEYS.of_function("one", "Anonymous") is None


def test_the_system_key_opens_the_webhooks():
    """The webhooks are opened by the system key and the master key, the admin pages by the master key alone."""
    assert (set(KEYS.of_webhooks), set(KEYS.of_admin)) == ({"system", "master"}, {"master"})
