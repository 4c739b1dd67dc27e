"""The lines of the host's log that are about an instance or an entity, where the host is at hand."""

from __future__ import annotations

from collections.abc import Sequence

from durable_harness.dashboard.visit import Visit
from durable_harness.logs.instance_logs import LogLine


def lines_about(visit: Visit, subject_id: str) -> Sequence[LogLine] | None:
    """Return the lines; None if the host is in another process."""
    return visit.source.log_lines(subject_id) if visit.source.log_lines is not None else None
