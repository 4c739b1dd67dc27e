"""Entries of the log as JSON: what they have of an error."""

import logging

from durable_harness.logs import json_lines


def raised(make):
    """Return the record of a log with the error that a function raises."""
    try:
        make()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return logging.LogRecord("app", 40, "a.py", 1, "text", (), (type(error), error, error.__traceback__))
    raise AssertionError("it raised nothing")


class UnprintableError(Exception):
    """An error that cannot be described."""

    def __str__(self):
        raise ValueError("no")


def test_a_record_has_what_was_raised():
    """Its type and message; an error that cannot be described keeps its type, and a record without one has none."""

    def unprintable():
        raise UnprintableError

    assert json_lines._exception(raised(lambda: {}["id"]))["type"] == "KeyError"
    assert json_lines._exception(raised(unprintable)) == {
        "type": "UnprintableError",
        "message": "(it cannot be described)",
    }
    for exc_info in (None, (None, None, None)):
        plain = logging.LogRecord("app", 40, "a.py", 1, "text", (), exc_info)
        assert json_lines._exception(plain) is None
