"""The latencies of a run: from which moment to which, by which clock."""

from durable_harness.gate.measurable import SERVER_LATENCIES_MS
from durable_harness.gate.metrics import GENERATOR, LATENCY_MEANINGS, METRICS
from reference_pages.markdown import plain, table


def write() -> str:
    """Return a row for each latency."""
    rows = [(f"`{name}`", plain(meaning), _clock(name), _source(name)) for name, meaning in LATENCY_MEANINGS.items()]
    return table(("Latency", "From, to", "Clock", "Known"), rows)


def _clock(name: str) -> str:
    return METRICS[name].clock if name in METRICS else GENERATOR


def _source(name: str) -> str:
    return "where the server gives fine times" if name in SERVER_LATENCIES_MS else "always"
