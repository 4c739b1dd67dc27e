"""JSON bodies: measured before they are parsed, kept as they came, and never nested deeper than a parser goes."""

import json
import sys
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_harness.host.durable_http import json_bodies
from durable_harness.host.durable_http.json_bodies import JsonBodies, least_size
from durable_harness.protocol import MAX_JSON_DEPTH, holds_too_deep, is_too_deep

ROOM_FRAMES = 150
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=20,
)


def nested(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_a_body_that_is_too_large_as_it_came_keeps_its_value(value, indent, ensure_ascii):
    """The shortest form of a text is the same JSON, never longer, and never shorter than its size was estimated."""
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    if not ensure_ascii:
        text = text.encode("utf-8", "replace").decode()
    expected = json.loads(text)
    size = len(text.encode())
    smallest = max(least_size(text.encode()), 1)
    read = JsonBodies(smallest).read("input", text.encode())
    assert json.loads(read) == expected
    assert smallest <= max(len(read.encode()), 1) <= size


@given(VALUES)
def test_a_body_within_the_limit_is_not_touched(value):
    """Without a limit, or within it, a body is kept to the letter."""
    text = json.dumps(value, indent=2)
    assert JsonBodies().read("input", text.encode()) == text
    assert JsonBodies(len(text)).read("input", text.encode()) == text


def test_a_body_that_is_certainly_too_large_is_not_parsed():
    """What cannot become small enough is refused before it is found to be no JSON."""
    with pytest.raises(ValueError, match="came as 23 bytes, and a payload may have 10 at most"):
        JsonBodies(10).read("input", b"this is no JSON at all!")


@given(st.binary(max_size=40), st.integers(1, 10))
def test_a_size_is_the_same_read_in_parts(body, window):
    """Sums over parts of a body, escapes cut in two among them, are never more than what the whole has at least."""
    with mock.patch.object(json_bodies, "WINDOW_BYTES", window):
        assert not json_bodies.is_larger(body, max(least_size(body), 0))


@pytest.mark.parametrize("body", [b"{", b"\xff", b"", b"[1] 2", b"\x1f\x8b\x08"])
def test_what_is_no_json_is_refused(body):
    """Text that is not one JSON value, or no text at all, is a ValueError."""
    with pytest.raises(ValueError, match="Invalid JSON"):
        JsonBodies().read("input", body)


def test_an_event_ends_with_its_first_value():
    """Text after the first JSON value of an event is ignored."""
    assert JsonBodies().read_first("event", b" [1] and more") == "[1]"


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        (nested(MAX_JSON_DEPTH), False),
        (nested(MAX_JSON_DEPTH + 1), True),
        (nested(MAX_JSON_DEPTH + 1, '{"a":', "}").replace("{}", "{1}"), True),
        ("[" * (MAX_JSON_DEPTH + 1), True),
        (json.dumps("[" * 5000), False),
        (json.dumps('"[' * 5000), False),
        (json.dumps(["\\" * 3 + "[" * 5000]), False),
        ("[" + "[]," * 5000 + "1]", False),
        ("", False),
    ],
)
def test_depth_is_counted_outside_of_strings(text, deep):
    """Brackets in strings do not count, and siblings do not add up."""
    assert is_too_deep(text) is deep


@pytest.mark.parametrize("extra", [0, 1])
def test_the_json_in_a_string_counts_where_it_will_be_parsed(extra):
    """The SDK's payloads are strings that hold JSON: what comes in is judged by what it holds."""
    text = json.dumps(nested(MAX_JSON_DEPTH + extra))
    assert holds_too_deep(text) is bool(extra)
    assert not is_too_deep(text)


def test_the_limit_leaves_room_for_the_code_that_parses():
    """JSON at the limit is parsed and written many calls deep, with the recursion limit that Python has."""

    def deeper(frames):
        if frames:
            return deeper(frames - 1)
        return json.dumps([json.loads(nested(MAX_JSON_DEPTH))])

    assert sys.getrecursionlimit() == 1000
    assert len(deeper(ROOM_FRAMES - _frames())) == 2 * MAX_JSON_DEPTH + 2


def _frames():
    frame, count = sys._getframe(), 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count
