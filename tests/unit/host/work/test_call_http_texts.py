"""Bodies that call_http gets, as text: never a failure, whatever they are."""

import codecs

import pytest

from durable_harness.host.work.http_activity import text_of


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("Zürich".encode("latin-1"), "iso-8859-1", "Zürich"),
        ("Zürich".encode(), None, "Zürich"),
        ("Zürich".encode(), "UTF-8", "Zürich"),
        ("Zürich".encode("latin-1"), None, "Z\ufffdrich"),
        (b"\x89PNG\x00\xff", None, "\ufffdPNG\x00\ufffd"),
        (b"", None, ""),
        (codecs.BOM_UTF8 + b"a", None, "a"),
        (codecs.BOM_UTF8 + b"a", "utf-8", "a"),
        (codecs.BOM_UTF16_LE + "žito".encode("utf-16-le"), None, "žito"),
        (codecs.BOM_UTF16_BE + "žito".encode("utf-16-be"), None, "žito"),
        (codecs.BOM_UTF32_LE + "žito".encode("utf-32-le"), None, "žito"),
        (b"odd", "utf-16-le", "\u646f\ufffd"),
        (b"plain", "no-such-charset", "plain"),
        (b"plain", "", "plain"),
        (b"plain", "utf\x008", "plain"),
        (b"6869", "hex", "6869"),
        (b"plain", "zlib", "plain"),
        (b"plain", '"utf-8"', "plain"),
    ],
)
def test_any_body_is_text(body, charset, text):
    """A body is read by its charset, else by its byte order mark, else as UTF-8; what is none becomes U+FFFD."""
    assert text_of(body, charset) == text
