"""What a soak has shown: problems, counts and memory, as JSON and as lines for a terminal."""

import statistics
from collections import Counter

from running import SAMPLE_S

MOST_GROWTH_MB = 30
SHORTEST_WATCH_S = 120
"""In less time a process that was just started still grows to its normal size."""
ENDS_S = 20


def result_of(soak):
    """Return all figures of a soak that has ended, as JSON values."""
    victims = [victim for system in soak.systems for victim in system.victims]
    memory = {victim.name: memory_of(victim, soak.seconds) for victim in victims}
    operations = Counter()
    for client in soak.clients:
        operations.update(client.ledger.counts)
    problems = [
        *(problem for client in soak.clients for problem in client.ledger.problems),
        *(problem for name, figures in memory.items() if (problem := _growth_problem(name, figures))),
        *(f"{name} did not end by SIGTERM within {ENDS_S} s" for name, code in soak.exits.items() if code is None),
    ]
    return {
        "passed": not problems and operations["ended"] == operations["accepted"],
        "problems": problems,
        "minutes": soak.options.minutes,
        "rate_per_s": soak.options.rate,
        "seed": soak.options.seed,
        "left_out": soak.left_out,
        "operations": dict(sorted(operations.items())),
        "troubles": dict(sorted(soak.counts.items())),
        "memory": memory,
    }


def memory_of(victim, seconds):
    """Return the resident memory at the begin and the end of the part without kills.

    `growth_mb` is None if that part was too short. Its first fifth is left out: there the process warms up.
    """
    begin, end = seconds["quiet_from"], seconds["arrivals"]
    begin += (end - begin) / 5
    last_life = victim.samples[-1][1] if victim.samples else 0
    sizes = [rss / 2**20 for at, life, rss in victim.samples if begin <= at <= end and life == last_life]
    edge = max(1, len(sizes) // 10)
    first, last = (statistics.median(part) if part else None for part in (sizes[:edge], sizes[-edge:]))
    watched_s = len(sizes) * SAMPLE_S
    growth = last - first if watched_s >= SHORTEST_WATCH_S else None
    return {"watched_s": watched_s, "first_mb": first, "last_mb": last, "growth_mb": growth}


def _growth_problem(name, figures):
    growth = figures["growth_mb"]
    if growth is None or growth <= MOST_GROWTH_MB:
        return None
    return f"{name} grew by {growth:.0f} MB in {figures['watched_s']} s; {MOST_GROWTH_MB} MB are allowed"


def text_of(result):
    """Return the result as lines for a terminal."""
    operations = result["operations"]
    lines = [
        f"{operations.get('accepted', 0):,} accepted, {operations.get('ended', 0):,} ended once as they should",
        ", ".join(f"{count:,} {name}" for name, count in result["troubles"].items()),
        *(f"memory of {name}: {_memory_text(figures)}" for name, figures in result["memory"].items()),
        *(f"PROBLEM: {problem}" for problem in result["problems"]),
        f"{'PASSED' if result['passed'] else 'FAILED'} (seed {result['seed']})",
    ]
    return "\n".join(lines)


def _memory_text(figures):
    if figures["growth_mb"] is None:
        return f"growth not known, watched for {figures['watched_s']} s only"
    sizes = f"{figures['first_mb']:.0f} -> {figures['last_mb']:.0f} MB"
    return f"{sizes}, {figures['growth_mb']:+.1f} MB in {figures['watched_s']} s"
