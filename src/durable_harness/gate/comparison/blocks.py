"""Blocks of operations long enough to be independent: operations of one run are not.

Queues, warm-up and garbage collection make neighbours alike. How far that reaches is read from the data: the
autocorrelation time of "this operation was above the percentile", summed over lags with Sokal's window. A block is
several such times long; one figure is taken from each block, and only these figures are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from durable_harness.gate.comparison.ranks import Values

TIMES_PER_BLOCK = 10
"""Autocorrelation times in a block: neighbouring blocks then correlate by some percent only."""
BEYOND_PER_BLOCK = 4
"""Operations of a block that are expected on the rarer side of its percentile."""
MOST_BLOCKS = 30
"""More operations make longer blocks, not more of them: safer, at hardly any loss of power."""
WINDOW = 5
"""Sokal's window: lags are summed up to this many autocorrelation times."""


def block_length(values: Values, percent: float) -> int:
    """Return how many operations, in order of time, make one block for a percentile."""
    rarer = min(percent, 100 - percent) / 100
    needed = BEYOND_PER_BLOCK / max(rarer, 1 / max(len(values), 1))
    above = (values > np.percentile(values, percent)).astype(float)
    return math.ceil(max(needed, TIMES_PER_BLOCK * autocorrelation_time(above), len(values) / MOST_BLOCKS))


def autocorrelation_time(series: Values) -> float:
    """Return how many values of a series carry the information of one independent value, 1 at least."""
    centred = series - series.mean()
    size = len(centred)
    variance = float(centred @ centred)
    if size < 2 or variance == 0:  # noqa: PLR2004 - no lag to look at
        return 1.0
    padded = np.fft.rfft(centred, 2 * size)
    correlations = np.fft.irfft(padded * padded.conj())[:size] / variance
    times = 2 * np.cumsum(correlations) - 1
    beyond_window = np.arange(size) >= WINDOW * times
    window = int(np.argmax(beyond_window)) if beyond_window.any() else size - 1
    return max(1.0, float(times[window]))


def block_figures(values: Values, figure: Callable[[Values], float], length: int) -> Values:
    """Return the figure of each whole block of `length` values; a rest at the end joins the last block."""
    count = len(values) // length
    if count == 0:
        return np.empty(0)
    edges = [index * length for index in range(1, count)]
    return np.array([figure(block) for block in np.split(values, edges)])


def independent(series: Values) -> Values:
    """Average neighbours of a short series until it is as good as independent: for pairs of slices."""
    merged = series
    while len(merged) >= 4 and _lag_one(merged) > 2 / math.sqrt(len(merged)):  # noqa: PLR2004 - too short to tell
        merged = merged[: len(merged) // 2 * 2].reshape(-1, 2).mean(axis=1)
    return merged


def _lag_one(series: Values) -> float:
    centred = series - series.mean()
    variance = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / variance if variance else 0.0
