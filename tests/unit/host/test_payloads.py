"""Payload encodings: what is stored, what user code reads, what a status shows."""

import pytest

from durable_harness.host.payload_encoding import entity_input, parse_or_text, unwrap_json, wrap_json


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (None, None),
        (r'"{\"a\": 1}"', '{"a": 1}'),
        ('{"a":1}', '{"a":1}'),
        ('"hello"', '"hello"'),
        (r'"\"hello\""', '"hello"'),
        ("5", "5"),
        ("not json", '"not json"'),
    ],
)
def test_the_json_that_user_code_decodes(stored, text):
    """Double-encoded values are decoded once, plain JSON is left alone, other text becomes a JSON string."""
    assert unwrap_json(stored) == text


@pytest.mark.parametrize(
    ("stored", "expected"),
    [(None, "null"), ('"5"', '"5"'), ("5", '"5"'), ('"null"', "null"), (r'"{\"a\": 1}"', r'"{\"a\": 1}"')],
)
def test_an_entity_operation_gets_a_string_of_json(stored, expected):
    """The SDK's entity context decodes twice, so plain JSON is wrapped and no input is a bare null."""
    assert entity_input(stored) == expected


def test_wrapping_is_undone_by_unwrapping():
    """What the host stores for the SDK is what user code gets back."""
    assert unwrap_json(wrap_json('[1, "ü"]')) == '[1, "ü"]'


@pytest.mark.parametrize(("stored", "shown"), [(None, None), ("[1]", [1]), ("stop now", "stop now"), ("  ", "")])
def test_a_status_shows_json_or_text(stored, shown):
    """Stored text is shown as the JSON it is, else as a string; blank text as an empty string."""
    assert parse_or_text(stored) == shown
