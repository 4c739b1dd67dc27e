"""Do work before the load that would stop the generator for tens of milliseconds during it."""

from __future__ import annotations

import gc
import inspect

COLLECT_AFTER = (20_000, 10, 10)
"""Thresholds of `gc.set_threshold`: new objects, young collections and middle ones after which the next one runs.

With Python's 700 the ups and downs of thousands of operations in flight made it collect all the time, and every few
seconds go through all of them (25 ms). Operations leave no cycles behind; what a scenario's own code leaves is found.
"""


def settle() -> None:
    """Inspect all loaded modules and freeze all objects, once.

    Locust looks for its caller's source when it stops a run, while arrivals still come. The first such look goes
    through all modules (25 ms); `inspect` remembers what it found. Garbage collection goes through all objects again
    and again (40 ms); it need not go through those that stay until the end, nor so often through the others.
    """
    inspect.stack()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
