"""Text of others is shown as what it is: nothing in it moves a cursor, hides, turns the order round or has no bytes."""

import pytest

from durable_harness.wording.foreign_text import is_plain, shown, shown_lines


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain, naïve 日本 🚀", "plain, naïve 日本 🚀"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nPASSED", "a\\x0aPASSED"),
        ("nul\x00 del\x7f c1\x9b", "nul\\x00 del\\x7f c1\\x9b"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("half \ud800 of a pair", "half \\ud800 of a pair"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("tag\U000e0041", "tag\\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text, seen):
    """Control, bidirectional, invisible and unencodable characters are shown as escapes, all others as they are."""
    assert shown(text) == seen
    assert is_plain(text) is (text == seen)
    assert shown(text).encode()


def test_long_text_is_cut():
    """However long a text is, no more of it is shown than asked for, escapes included."""
    assert shown("x" * 1_000_000, 10) == "xxxxxxxxx…"
    assert len(shown("\x00" * 1_000_000, 10)) == 10
    assert shown("x" * 10, 10) == "x" * 10


def test_lines_stay_lines():
    """A whole report keeps its line breaks and tabs, and nothing else that cannot be seen."""
    assert shown_lines("a\n\tb\r\x1b") == "a\n\tb\\x0d\\x1b"
