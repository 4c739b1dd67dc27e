"""Text of others, as it is shown: without the secrets of this process."""

import pytest

from durable_harness import foreign_text
from durable_harness.foreign_text import hide, shown, shown_lines

SECRET = "Bearer abc+def/123456"


@pytest.fixture(autouse=True)
def _hidden(monkeypatch):
    monkeypatch.setattr(foreign_text, "_secrets", [])
    hide([SECRET, "pw"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"invalid header '{SECRET}'", "invalid header '***'"),
        ("invalid token abc+def/123456.", "invalid token ***."),
        ("/login?token=abc%2Bdef%2F123456", "/login?token=***"),
        ("no pw given to the Bearers", "no pw given to the Bearers"),
        ("abc+def/12345", "abc+def/12345"),
    ],
)
def test_secrets_are_blanked_in_each_of_their_forms(text, expected):
    """A header, its words and their form in a URL are blanked; what is too short to be a secret stays."""
    assert (shown(text), shown_lines(text)) == (expected, expected)


def test_a_secret_that_reaches_beyond_the_end_is_blanked_too():
    """No part of a secret is left where a text is cut off."""
    assert shown(f"{'x' * 10} abc+def/123456", 15) == f"{'x' * 10} ***"
