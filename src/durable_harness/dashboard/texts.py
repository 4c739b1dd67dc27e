"""How values are written on the pages: times, durations, sizes, statuses, payloads on one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from durable_harness.dashboard.failure_texts import failure_line
from durable_harness.dashboard.payload_texts import one_line
from durable_harness.protocol import pb
from durable_harness.wording.lengths import NS_PER_S, readable

NOTHING = "\N{EN DASH}"
"""What stands where there is no value."""
LAST_S = 253_402_300_799
"""The last second of year 9999."""
STATUS_LABELS: Mapping[int, str] = {
    pb.ORCHESTRATION_STATUS_RUNNING: "Running",
    pb.ORCHESTRATION_STATUS_PENDING: "Pending",
    pb.ORCHESTRATION_STATUS_SUSPENDED: "Suspended",
    pb.ORCHESTRATION_STATUS_COMPLETED: "Completed",
    pb.ORCHESTRATION_STATUS_FAILED: "Failed",
    pb.ORCHESTRATION_STATUS_TERMINATED: "Terminated",
    pb.ORCHESTRATION_STATUS_CANCELED: "Canceled",
    pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW: "Continued as new",
}
"""In the order in which they are listed: what lives first."""
STATUSES_BY_WORD = {label.lower().replace(" ", "-"): status for status, label in STATUS_LABELS.items()}


def status_label(status: int) -> str:
    return STATUS_LABELS.get(status, f"Status {status}")


def status_word(status: int) -> str:
    """Return a status as addresses and style sheets have it."""
    return status_label(status).lower().replace(" ", "-")


def utc(time_ns: int) -> datetime:
    """Return a moment; one that no calendar has, such as a worker may send, is the last that it has."""
    seconds, rest_ns = divmod(time_ns, NS_PER_S)
    return datetime.fromtimestamp(min(seconds, LAST_S), UTC).replace(microsecond=rest_ns // 1000)


def moment(time_ns: int | None) -> Markup | str:
    """Return a time in UTC, which the page's script writes in local time where one asks for that."""
    if not time_ns:
        return NOTHING
    at = utc(time_ns)
    iso = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
    return Markup('<time datetime="{}">{} {}</time>').format(iso, iso[:10], iso[11:23])


def duration(length_ns: int | None) -> str:
    """Return a length of time, or what stands where there is none."""
    return NOTHING if length_ns is None else readable(length_ns)


def size(number_bytes: int) -> str:
    """Return a size in bytes, KB or MB."""
    for factor, unit in ((1_000_000, "MB"), (1_000, "KB")):
        if number_bytes >= factor:
            return f"{number_bytes / factor:.1f} {unit}"
    return f"{number_bytes} bytes"


def number(value: int) -> str:
    return f"{value:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def seen_id(instance_id: str) -> str:
    """Return an id as it is shown: one with space at its ends, which would not be seen, in quotes."""
    return instance_id if instance_id == instance_id.strip() else f"'{instance_id}'"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "status_label": status_label,
    "status_word": status_word,
    "moment": moment,
    "duration": duration,
    "size": size,
    "number": number,
    "plural": plural,
    "seen_id": seen_id,
    "one_line": one_line,
    "failure_line": failure_line,
}
