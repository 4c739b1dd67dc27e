"""Readers of option values. Each raises ArgumentTypeError, which argparse reports, for an invalid value."""

from __future__ import annotations

import argparse
import math


def port(text: str) -> int:
    """Read a port, for argparse."""
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004 - the range of ports
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 0 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """Read seconds, 0 or more, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds, 0 or more")
    return value


def above_zero(text: str) -> float:
    """Read a number above 0, for argparse."""
    return _number(text, "a number above 0", 0.0, math.inf)


def percents(text: str) -> float:
    """Read percents as a ratio, for argparse."""
    return _number(text.rstrip("% "), "a percentage above 0 and below 100", 0.0, 100.0) / 100


def whole(text: str) -> int:
    """Read a whole number, for argparse."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number, 0 or more")
    return int(text)


def _number(text: str, what: str, above: float, below: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not above < value < below:
        raise argparse.ArgumentTypeError(f"'{text}' is not {what}")
    return value
