"""Where weights are read, below what the functions call."""

import json


def weigh(order):
    """Fail below two frames of the app."""
    return order["weight_kg"] * 1000


def read(text):
    """Fail in Python's own library, below this frame."""
    return json.loads(text)
