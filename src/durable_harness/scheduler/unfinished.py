"""What activities had no outcome when a process ended without closing its file: one of them may have ended it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from durable_harness.logs.own_loggers import own_logger

MOST_NAMED = 10
"""How many activities the warning names. It counts the others."""

logger = own_logger("durable_harness.scheduler")


class Unfinished(NamedTuple):
    """An activity that is handed out again."""

    name: str
    instance_id: str
    repeats: int = 0
    """How often it was handed out again so far, this time included."""
    was_in_hand: bool = False

    def __str__(self) -> str:
        times = f" (in hand at {self.repeats} such ends)" if self.repeats > 1 else ""
        return f"'{self.name}' of instance '{self.instance_id}'{times}"


def warn_of_unfinished(path: Path | None, activities: Sequence[Unfinished]) -> None:
    """Log which activities a process left that ended suddenly, so that one which ends it each time is found."""
    # What waited for a worker has ended no process. All are named if it is not known which were in hand.
    activities = [one for one in activities if one.was_in_hand] or activities
    if not activities:
        return
    alike = [f"{count:,} x {text}" if count > 1 else text for text, count in Counter(map(str, activities)).items()]
    more = len(alike) - MOST_NAMED
    named = [*alike[:MOST_NAMED], *([f"{more:,} more"] if more > 0 else [])]
    logger.warning(
        "The process that last had the file %s ended suddenly."
        " These activities had no outcome and are handed out again: %s."
        " If one of them ends the process, terminate its instance with `durable-harness scheduler --data %s`.",
        path,
        ", ".join(named),
        path,
    )
