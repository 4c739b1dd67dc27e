"""Text of others, as it is shown: without the secrets of this process."""

import pytest

from durable_harness import foreign_text
from durable_harness.foreign_text import hide, shown, shown_lines
from durable_harness.operations import load_service
from durable_harness.operations.wire import excerpt

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
        ("/login?token=abc%2bdef%2f123456", "/login?token=***"),
        (r"""{"is": "abc\u002Bdef/123456"}""", """{"is": "***"}"""),
        (r"""{"is": "abc+def\/123456"}""", """{"is": "***"}"""),
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


@pytest.mark.parametrize("most_chars", range(3, 60))
def test_no_part_of_a_later_secret_is_left(most_chars):
    """Blanks that are shorter than what they stand for bring no half of another secret into view."""
    assert "abc" not in shown(f"{SECRET} {SECRET} {SECRET} {SECRET}", most_chars)


@pytest.mark.parametrize("spaces", range(0, 480, 7))
def test_no_part_of_a_secret_is_in_an_excerpt(spaces):
    """White space that an excerpt leaves out brings no half of a secret into it."""
    assert b"abc+" not in excerpt(b"{" + b" " * spaces + b"x" * 10 + b" abc+def/123456" * 40).encode()


def test_headers_of_a_service_file_are_secrets(tmp_path, monkeypatch):
    """Whoever reads a service file hides the values of its headers, those of the environment too, but no media type."""
    monkeypatch.setenv("TOKEN", "Bearer from-the-environment")
    headers = '{ Authorization = "env:TOKEN", Accept = "application/json" }'
    path = tmp_path / "service.toml"
    path.write_text(f'[start]\npath = "/"\nheaders = {headers}\n[status]\nstate = "/s"\nsucceeded = ["done"]\n')
    load_service(path)
    assert shown("no from-the-environment, no application/json") == "no ***, no application/json"
