"""The times of one request, from a host of this package that is asked for them: received, function run, answered.

The header has six numbers, separated by commas: nanoseconds since the epoch of five moments, 0 for what did not happen,
and for how many nanoseconds the host's event loop may have been late to receive the request.
"""

from __future__ import annotations

from typing import NamedTuple

HEADER = "x-durable-harness-times"
ASKING = {HEADER: "on"}
"""What a request has in addition that asks for its times."""
MOST_CHARS = 140
"""Six numbers of 22 digits, and commas. Nanoseconds since the epoch have 19; a longer text is not worth parsing."""


class HostTimes(NamedTuple):
    """Nanoseconds since the epoch, by the host's clock; 0 for what did not happen."""

    received_ns: int
    asked_ns: int
    """When its function asked for a thread; functions that are async need none."""
    begun_ns: int
    ended_ns: int
    answered_ns: int
    late_ns: int

    @property
    def has_function(self) -> bool:
        """Whether a function of the app ran for it, to its end."""
        return bool(self.begun_ns and self.ended_ns)


def read_host_times(text: str) -> HostTimes | None:
    """Read the header's value; None if it is empty, or not what such a host writes."""
    if not text or len(text) > MOST_CHARS:
        return None
    numbers = text.split(",")
    if len(numbers) != len(HostTimes._fields) or not all(number.isdigit() and number.isascii() for number in numbers):
        return None
    times = HostTimes(*map(int, numbers))
    return times if 0 < times.received_ns <= times.answered_ns else None
