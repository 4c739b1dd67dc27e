"""Operations that are made up by numpy, as a client that polls at fixed intervals would have recorded them."""

import numpy as np

from durable_harness.gate.comparison import OperationTable

ANSWER_MS = 2.0
"""From sending a start until its acceptance."""
BEGUN_MS = 1.0
"""From the acceptance until work begins."""


def works_ms(kind, count, rng):
    """Return how long the work of some operations takes: constant, of two values, evenly spread, or log-normal."""
    match kind:
        case "constant":
            return np.full(count, 205.0)
        case "two-valued":
            return rng.choice([120.0, 205.0], count)
        case "even":
            return rng.uniform(150.0, 250.0, count)
        case "log-normal":
            return 200.0 * np.exp(0.1 * rng.standard_normal(count))
    raise ValueError(kind)


def polled(works, interval_ms, phases, *, is_fine=True, is_counted=True, noise=None, **columns):  # noqa: PLR0913 - what is made up
    """Return operations whose work took so long, polled from `phases` (each 0 to 1) of an interval on.

    `noise` is what the machine adds to each work, in milliseconds. Times of a service that is not fine are of whole
    seconds.
    """
    works = np.asarray(works, dtype=float) + (0.0 if noise is None else noise)
    count = len(works)
    unknown = np.full(count, np.nan)
    first = np.broadcast_to(np.asarray(phases, dtype=float), count) * interval_ms
    after = BEGUN_MS + works
    steps = np.maximum(np.ceil((after - first) / interval_ms), 0)
    seen = first + steps * interval_ms
    intended = 1000.0 + np.arange(count) / 10
    accepted = intended + ANSWER_MS / 1000
    ended = accepted + after / 1000
    known = {
        "intended_s": intended,
        "sent_s": intended,
        "accepted_s": accepted,
        "first_running_s": unknown,
        "last_pending_s": accepted + np.where(steps > 0, seen - interval_ms, 0.0) / 1000,
        "seen_s": accepted + seen / 1000,
        "ended_s": accepted + seen / 1000,
        "server_created_s": accepted if is_fine else np.floor(accepted),
        "server_running_s": accepted + BEGUN_MS / 1000 if is_fine else unknown,
        "server_updated_s": ended if is_fine else np.floor(ended),
        "polls": steps + 1,
        "actions": np.full(count, 7.0) if is_counted else unknown,
        "replayed_events": np.full(count, 12.0) if is_counted else unknown,
        "payload_bytes": np.full(count, 834.0) if is_counted else unknown,
        "server_update_is_coarse": np.full(count, float(not is_fine)),
        "server_clock": np.full(count, "scheduler" if is_fine else "service", dtype=object),
        "state": np.full(count, "completed", dtype=object),
        "workload": np.full(count, "open", dtype=object),
        "phase": np.full(count, "measured", dtype=object),
    }
    return OperationTable(known | columns)


def slices(rng, kind, change, interval_ms, *, phases=None, count=15, **others):  # noqa: PLR0913 - what is made up
    """Return a pair of slices with the same work and the same phases of polls, the head's work longer by a ratio.

    `phases` None draws them evenly. The machine adds some hundredths of a millisecond to each work.
    """
    works = works_ms(kind, count, rng)
    phases = 1 - rng.random(count) if phases is None else phases
    return tuple(
        polled(works * ratio, interval_ms, phases, noise=rng.exponential(0.3, count), **others)
        for ratio in (1.0, 1 + change)
    )
