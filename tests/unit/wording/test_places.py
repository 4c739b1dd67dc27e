"""Places: in JSON that differs, in tracebacks, in code of others; and what a secret is searched by."""

import logging

import pytest

from durable_harness.wording import secret_writings, tracebacks
from durable_harness.wording.json_places import first_place
from durable_harness.wording.places import machinery


@pytest.mark.parametrize(
    ("wanted", "got", "expected"),
    [
        ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}, ("x.b[1]", "2", "3")),
        ({"a": 1}, {"a": 1, "b": 2}, ("x.b", "(absent)", "2")),
        ({"a": 1, "b": 2}, {"a": 1}, ("x.b", "2", "(absent)")),
        ([1, 2], [1], ("x", "[1, 2]", "[1]")),
        ({"a": 1}, [1], ("x", '{"a": 1}', "[1]")),
        (1, 2, ("x", "1", "2")),
    ],
)
def test_the_innermost_difference_is_named(wanted, got, expected):
    """Objects and lists of one length are compared part by part, all else as a whole."""
    assert first_place(wanted, got, "x") == expected


def test_a_comparison_may_be_given():
    """Parts that are the same by it are no difference; if all parts are, the whole is named."""
    assert first_place({"a": 1, "b": 2}, {"a": 1, "b": 3}, "x", lambda one, other: one == 1) == ("x.b", "2", "3")
    assert first_place([2], [3], "x", lambda *_: True) == ("x", "[2]", "[3]")
    assert first_place({"a": 2}, {"a": 3}, "x", lambda *_: True) == ("x", '{"a": 2}', '{"a": 3}')


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("<frozen importlib._bootstrap>", "Python"),
        ("<string>", None),
        (logging.__file__, "logging"),
        ("/app/a.py", None),
    ],
)
def test_the_package_of_a_file(file, package):
    """Frozen code is Python's, a module of the library has its name, and code that was made up is the app's."""
    assert machinery(file) == package


def test_a_very_long_line_of_code_is_cut():
    """What marks a part of it goes too; an entry with short lines stays as it is."""
    entry = f'  File "a.py", line 1, in f\n    {"x" * 999}\n    ^^^^\n'
    assert tracebacks._bounded("  short\n") == "  short\n"
    first, second = tracebacks._bounded(entry).splitlines()
    assert first.startswith('  File "a.py"')
    assert len(second) == tracebacks.MOST_LINE_CHARS + 1


def test_a_short_word_has_no_inner_base64():
    """Parts that are too short would be found everywhere; whole forms are kept."""
    short, long = list(secret_writings._encoded("abc")), list(secret_writings._encoded("a much longer secret"))
    assert short == ["616263", "YWJj"]
    assert len(long) == 5
    assert all(len(form) >= secret_writings.LEAST_BASE64_CHARS for form in long)
