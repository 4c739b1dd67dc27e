"""Times and GUIDs in .NET's formats, which binding expressions name after a colon."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from durable_harness.host.triggers.converting import UnusableValueError

DEFAULT_TIME_FORMAT = "yyyy-MM-ddTHH-mm-ssK"
"""The Functions host's own default; colons are not allowed in the names of many things that are stored."""
STANDARD: Mapping[str, str] = {
    "d": "MM/dd/yyyy",
    "D": "dddd, dd MMMM yyyy",
    "f": "dddd, dd MMMM yyyy HH:mm",
    "F": "dddd, dd MMMM yyyy HH:mm:ss",
    "g": "MM/dd/yyyy HH:mm",
    "G": "MM/dd/yyyy HH:mm:ss",
    "m": "MMMM dd",
    "M": "MMMM dd",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "U": "dddd, dd MMMM yyyy HH:mm:ss",
    "y": "yyyy MMMM",
    "Y": "yyyy MMMM",
}
"""The formats of one letter, in the invariant culture."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
PART = re.compile(
    r"(?P<letters>d+|f{1,7}|F{1,7}|g+|h+|H+|K|m+|M+|s+|t+|y+|z+)"
    r"|'(?P<quoted>[^']*)'|\"(?P<double>[^\"]*)\"|\\(?P<escaped>.)|%(?=.)|(?P<other>.)"
)
GUID_FORMATS: Mapping[str, Callable[[uuid.UUID], str]] = {
    "n": lambda guid: guid.hex,
    "d": str,
    "b": lambda guid: f"{{{guid}}}",
    "p": lambda guid: f"({guid})",
}


def format_guid(guid: uuid.UUID, form: str) -> str:
    """Return a GUID in one of the formats N, D, B and P. Raises UnusableValueError for another one."""
    write = GUID_FORMATS.get((form.strip() or "d").lower())
    if write is None:
        raise UnusableValueError(f"'{form}' is not a format of a GUID that is known here; expected N, D, B or P")
    return write(guid)


def format_time(moment: datetime, form: str) -> str:
    """Return a time in a standard or custom format. Raises UnusableValueError for an unknown one of one letter."""
    form = form if form.strip() else DEFAULT_TIME_FORMAT
    if len(form) == 1:
        if form not in STANDARD:
            raise UnusableValueError(
                f"'{form}' is not a format of a time; expected one such as yyyy-MM-dd, or one of {' '.join(STANDARD)}"
            )
        moment, form = moment.astimezone(UTC) if form in "rRuU" else moment, STANDARD[form]
    return PART.sub(lambda part: _written(part, moment), form)


def _written(part: re.Match[str], moment: datetime) -> str:
    if part["letters"]:
        return _LETTERS[part["letters"][0]](moment, len(part["letters"]))
    return part["quoted"] or part["double"] or part["escaped"] or part["other"] or ""


def _day(moment: datetime, count: int) -> str:
    name = DAYS[moment.weekday()]
    return (f"{moment.day}", f"{moment.day:02}", name[:3], name)[min(count, 4) - 1]


def _month(moment: datetime, count: int) -> str:
    name = MONTHS[moment.month - 1]
    return (f"{moment.month}", f"{moment.month:02}", name[:3], name)[min(count, 4) - 1]


def _year(moment: datetime, count: int) -> str:
    short = count <= 2  # noqa: PLR2004 - y and yy are the year of the century
    return f"{moment.year % 100 if short else moment.year:0{count}}"


def _fraction(moment: datetime, count: int) -> str:
    return f"{moment.microsecond:06}0"[:count]


def _offset(moment: datetime, count: int) -> str:
    minutes = int((moment.utcoffset() or UTC.utcoffset(None)).total_seconds()) // 60
    sign, minutes = "-" if minutes < 0 else "+", abs(minutes)
    hours = f"{minutes // 60:0{min(count, 2)}}"
    return f"{sign}{hours}" + (f":{minutes % 60:02}" if count > 2 else "")  # noqa: PLR2004 - zzz has the minutes too


def _kind(moment: datetime, _count: int) -> str:
    if moment.tzinfo is None:
        return ""
    return "Z" if not moment.utcoffset() else _offset(moment, 3)


def _of_two(value: int, count: int) -> str:
    return f"{value:0{min(count, 2)}}"


_LETTERS: Mapping[str, Callable[[datetime, int], str]] = {
    "d": _day,
    "M": _month,
    "y": _year,
    "h": lambda moment, count: _of_two(moment.hour % 12 or 12, count),
    "H": lambda moment, count: _of_two(moment.hour, count),
    "m": lambda moment, count: _of_two(moment.minute, count),
    "s": lambda moment, count: _of_two(moment.second, count),
    "f": _fraction,
    "F": lambda moment, count: _fraction(moment, count).rstrip("0"),
    "t": lambda moment, count: ("AM" if moment.hour < 12 else "PM")[: min(count, 2)],  # noqa: PLR2004 - noon
    "z": _offset,
    "K": _kind,
    "g": lambda _moment, _count: "A.D.",
}
