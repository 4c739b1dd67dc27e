"""Payloads in forms: how they are offered to be edited, and what is made of what was written."""

import pytest

from durable_harness.dashboard.payload_texts import editable, edited
from durable_harness.wording.foreign_text import hide, shown_lines

TWICE = '"{\\"fail\\": \\"always\\"}"'


def test_json_in_a_string_is_edited_as_json():
    """An input that an SDK wrote into a JSON string is offered as the JSON that it is, and goes back as it came."""
    assert editable(TWICE) == '{"fail": "always"}'
    assert edited('{"fail": "never"}', TWICE) == '"{\\"fail\\": \\"never\\"}"'
    assert edited('{"fail": "never"}', '{"fail": "always"}') == '{"fail": "never"}'
    assert edited("7", TWICE) == "7"


@pytest.mark.parametrize("before", [TWICE, '{"a":\n 1}', ' {"a": 1} ', '"tab\x1b"', '"hunter2-and-more"'])
def test_what_was_left_alone_is_not_edited(before):
    """A form that comes back as it was shown changes nothing: line breaks of browsers and blanked secrets included."""
    hide(["hunter2-and-more"])
    shown = shown_lines(editable(before)).replace("\n", "\r\n")
    assert edited(shown.strip(), before) is None
