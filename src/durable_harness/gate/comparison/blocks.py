"""Blocks of operations long enough to be independent: operations of one run are not.

Queues, warm-up and garbage collection make neighbours alike. How far that reaches is read from the data: the
autocorrelation time of "this operation was above the percentile", summed over lags with Sokal's window. A block is
several such times long; one figure is taken from each block, and only these figures are compared.

    Sokal, A. (1997). Monte Carlo methods in statistical mechanics: foundations and new algorithms. In: Functional
        Integration, NATO ASI Series B 361, 131-192, section 3.
    Bartlett, M. S. (1946). On the theoretical specification and sampling properties of autocorrelated time-series.
        Suppl. J. Roy. Statist. Soc. 8, 27-41.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from durable_harness.gate.comparison.ranks import Values

TIMES_PER_BLOCK = 10
"""Autocorrelation times in a block.

The means of two neighbouring blocks of length L correlate by sum(k rho(k)) / (L tau), where tau = 1 + 2 sum(rho(k)). If
rho decays like exp(-k / d), the sum is d^2 and tau is 2 d: with L = 10 tau the correlation is 1 / 40, so 2.5 %."""
BEYOND_PER_BLOCK = 4
"""Operations of a block that are expected on the rarer side of its percentile: its figure is then not its maximum,
which grows with the length of a block and hardly depends on the percentile."""
MOST_BLOCKS = 30
"""More operations make longer blocks, not more of them: safer, at hardly any loss of power."""
WINDOW = 5
"""Sokal's window: lags are summed up to this many autocorrelation times. If rho decays like exp(-k / d), it is
exp(-10) there; summed further, the noise of many lags would outweigh what is left."""


def block_length(values: Values, percent: float) -> int:
    """Return how many operations, in order of time, make one block for a percentile."""
    rarer = min(percent, 100 - percent) / 100
    # No operation lies beyond the maximum. 1 / n instead of 0 asks for more operations than there are: no block.
    needed = BEYOND_PER_BLOCK / max(rarer, 1 / max(len(values), 1))
    above = (values > np.percentile(values, percent)).astype(float)
    return math.ceil(max(needed, TIMES_PER_BLOCK * autocorrelation_time(above), len(values) / MOST_BLOCKS))


def autocorrelation_time(series: Values) -> float:
    """Return how many values of a series carry the information of one independent value, at least 1.

    It is tau = 1 + 2 sum(rho(k)) up to the first lag W with W >= WINDOW tau(W).
    """
    centred = series - series.mean()
    size = len(centred)
    variance = float(centred @ centred)
    if size < 2 or variance == 0:  # noqa: PLR2004 - no lag to look at
        return 1.0
    # A transform correlates in a circle: as many zeros behind the series keep its end from meeting its beginning.
    padded = np.fft.rfft(centred, 2 * size)
    correlations = np.fft.irfft(padded * padded.conj())[:size] / variance
    times = 2 * np.cumsum(correlations) - 1  # the sum begins with rho(0) = 1
    beyond_window = np.arange(size) >= WINDOW * times
    window = int(np.argmax(beyond_window)) if beyond_window.any() else size - 1
    return max(1.0, float(times[window]))  # neighbours that alternate give less: no value is worth more than one


def block_figures(values: Values, figure: Callable[[Values], float], length: int) -> Values:
    """Return the figure of each whole block of `length` values; a rest at the end joins the last block."""
    count = len(values) // length
    if count == 0:
        return np.empty(0)
    edges = [index * length for index in range(1, count)]
    return np.array([figure(block) for block in np.split(values, edges)])


def merge_until_independent(series: Values) -> Values:
    """Average neighbours of a short series until they no longer correlate: for pairs of slices.

    The lag-one correlation of n independent values scatters about 0 with the deviation 1 / sqrt(n) (Bartlett 1946).
    Twice that is the usual bound of 95 %. Up to 4 values the bound is 1 or more, which no correlation exceeds.
    """
    merged = series
    while len(merged) >= 4 and _lag_one(merged) > 2 / math.sqrt(len(merged)):  # noqa: PLR2004 - see above
        # An odd value at the end goes: an average of fewer values than the others would scatter more than they do.
        merged = merged[: len(merged) // 2 * 2].reshape(-1, 2).mean(axis=1)
    return merged


def _lag_one(series: Values) -> float:
    centred = series - series.mean()
    variance = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / variance if variance else 0.0
