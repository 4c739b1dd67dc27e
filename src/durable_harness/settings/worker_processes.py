"""The app settings that say how many processes and threads an app's functions have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from durable_harness.errors import ConfigurationError

PROCESS_COUNT_VARIABLE = "FUNCTIONS_WORKER_PROCESS_COUNT"
THREAD_COUNT_VARIABLE = "PYTHON_THREADPOOL_THREAD_COUNT"
MOST_PROCESSES = 10


def notes_on_workers(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield warnings about settings that are not honoured. Raises ConfigurationError for an invalid process count."""
    count = environ.get(PROCESS_COUNT_VARIABLE, "").strip()
    if count and not (count.isascii() and count.isdigit() and 1 <= int(count) <= MOST_PROCESSES):
        raise ConfigurationError(
            "environment", PROCESS_COUNT_VARIABLE, f"must be a whole number from 1 to {MOST_PROCESSES}, not {count!r}."
        )
    if count and int(count) > 1:
        yield (
            f"{PROCESS_COUNT_VARIABLE}={count}: this host runs all functions in one process, so they share what is"
            f" in its memory. In Azure they would not. {THREAD_COUNT_VARIABLE} is how many plain functions run at once."
        )
    threads = environ.get(THREAD_COUNT_VARIABLE, "").strip()
    if threads and not (threads.isascii() and threads.isdigit() and int(threads) > 0):
        yield f"{THREAD_COUNT_VARIABLE}={threads}: is no whole number above 0; Python's default is used, as in Azure."
