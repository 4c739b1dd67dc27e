"""Ask one question about many operations, several at a time, as long as there is time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import gevent
from gevent.pool import Pool

Subject = TypeVar("Subject")
Found = TypeVar("Found")


def asked_in_time(
    ask: Callable[[Subject], Found | None], subjects: Iterable[Subject], *, at_once: int, timeout_s: float
) -> dict[Subject, Found | None]:
    """Return the answer for each subject; None if that failed or came too late.

    Those that come first are asked about first.
    """
    pool, jobs = Pool(at_once), dict[Subject, Any]()
    try:
        # Adding to a full pool waits: that is part of the time, too.
        with gevent.Timeout(timeout_s, exception=False):
            for one in dict.fromkeys(subjects):
                jobs[one] = pool.spawn(ask, one)
            gevent.joinall(list(jobs.values()))
    finally:
        pool.kill()
    return {one: None if isinstance(job.value, gevent.GreenletExit) else job.value for one, job in jobs.items()}
