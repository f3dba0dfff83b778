"""How far means over captions can be trusted: confidence intervals by the bootstrap.

Captions of one image are not independent, so images are drawn, each with all its captions (the
cluster bootstrap: Field and Welsh, "Bootstrapping clustered data", JRSS B 69, 2007), and the
interval is that of the percentiles (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13). It says nothing where every caption fares alike: a share of 1 has the interval 1 to 1.
"""

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95
SEED = 0

NUMBERS_AT_ONCE = 1 << 21
"""Bounds what is drawn together: 16 MB."""


def bootstrap(values: NDArray[np.float64], owner: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the 95 % confidence intervals of the means of some values: shape (measures, 2).

    The same values give the same intervals: the draws have a fixed seed.

    Args:
        values: Shape (captions, measures).
        owner: Each caption's image, 0 to n - 1: shape (captions,).
    """
    counts = np.bincount(owner).astype(np.float64)
    n = len(counts)
    sums = np.stack([np.bincount(owner, weights=column) for column in values.T], axis=1)
    draw = np.random.default_rng(SEED)
    means: list[NDArray[np.float64]] = []
    left = RESAMPLES
    while left:
        step = min(left, max(1, NUMBERS_AT_ONCE // n))
        # How often each image is drawn when n are drawn with replacement.
        times = draw.multinomial(n, np.full(n, 1 / n), size=step).astype(np.float64)
        means.append(times @ sums / (times @ counts)[:, None])
        left -= step
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    intervals: NDArray[np.float64] = np.quantile(np.concatenate(means), tails, axis=0).T
    return intervals
