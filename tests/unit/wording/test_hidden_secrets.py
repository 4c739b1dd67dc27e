"""Text of others, as it is shown: without the secrets of this process."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from durable_harness.network.base_urls import read_base_url
from durable_harness.operations import load_service
from durable_harness.operations.excerpts import excerpt
from durable_harness.wording.foreign_text import SECRETS, hide, shown, shown_lines
from durable_harness.wording.secret_writings import writings_of

SECRET = "Bearer abc+def/123456"


@pytest.fixture(autouse=True)
def _hidden(monkeypatch):
    monkeypatch.setattr(SECRETS, "writings", writings_of(()))
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


KEY = 'Aq7+x/Z="k&Ü\\9 end'


@pytest.mark.parametrize(
    "write",
    [
        str.upper,
        str.lower,
        json.dumps,
        lambda key: json.dumps(json.dumps(key)),
        lambda key: json.dumps(key).replace("/", "\\/"),
        lambda key: "".join(char if char.isascii() and char.isalnum() else f"\\u{ord(char):04X}" for char in key),
        lambda key: "".join(char if char.isascii() and char.isalnum() else f"&#x{ord(char):X};" for char in key),
        lambda key: "".join(char if char.isascii() and char.isalnum() else f"&#x00{ord(char):x};" for char in key),
        lambda key: "".join(char if char.isascii() and char.isalnum() else f"&#0{ord(char)};" for char in key),
        html.escape,
        lambda key: html.escape(html.escape(key)),
        lambda key: key.replace("+", "&plus;").replace("/", "&sol;").replace("=", "&equals;"),
        quote,
        quote_plus,
        lambda key: quote(quote(key, safe=""), safe=""),
        lambda key: html.escape(quote(key, safe="")).lower(),
        lambda key: base64.b64encode(key.encode()).decode(),
        lambda key: base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
        lambda key: key.encode().hex(),
    ],
)
def test_secrets_are_blanked_however_a_service_writes_them(write):
    """HTML, JSON, URLs, Base64, hexadecimal and another case, one within another too, show nothing of a secret."""
    hide([KEY])
    assert shown(f"key ({write(KEY)})").replace('"', "").replace("\\", "").replace("=", "") == "key (***)"


@pytest.mark.parametrize("before", ["u:", "us:", "use:"])
def test_base64_of_more_than_the_secret_is_blanked(before):
    """Wherever in what was encoded the secret stands, no more than a part of its edges is left."""
    hide(["the-whole-key-of-it"])
    seen = shown(base64.b64encode(f"{before}the-whole-key-of-it:x".encode()).decode())
    assert b"whole-key-of" not in base64.b64decode(seen.replace("*", "") + "===", validate=False)
    assert "***" in seen


def test_what_a_basic_header_stands_for_is_secret():
    """The decoded pair of a Basic header is blanked, and the password alone."""
    hide(["Basic " + base64.b64encode(b"me:pass-word").decode()])
    assert shown("me:pass-word, pass-word, bWU6cGFzcy13b3Jk") == "***, ***, ***"


def test_the_password_of_a_base_url_is_secret():
    """The password in a URL of the user's is blanked, and the header that clients make of it."""
    read_base_url("http://me:pa%2Bssword@host", "--host", "http://host")
    assert shown("Basic bWU6cGErc3N3b3Jk, pa+ssword, pa%2bssword") == "***, ***, ***"


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
