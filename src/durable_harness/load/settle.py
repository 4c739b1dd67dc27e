"""Have done before the load what would stop the generator for tens of milliseconds in the midst of it."""

from __future__ import annotations

import gc
import inspect


def settle() -> None:
    """Look at everything that is loaded once and for all.

    Locust looks for its caller's source when it stops a run, while arrivals still come. The first such look goes
    through all modules (25 ms); `inspect` remembers what it found. Garbage collection goes through all objects again
    and again (40 ms); it need not go through those that stay until the end.
    """
    inspect.stack()
    gc.collect()
    gc.freeze()
