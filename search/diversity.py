"""Hits that differ: maximal marginal relevance.

J. Carbonell and J. Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents
and Producing Summaries" (SIGIR 1998): each next hit is the one with the greatest

    (1 - diversity) * relevance - diversity * likeness to the most like of the hits before it

with the diversity as one less the paper's lambda.

Cosines of a text with images and of images with each other lie on different levels, which also
differ by model. So relevance is told from 0, the last of the candidates, to 1, the first; and
likeness from 0, the mean among the candidates, to 1, the same image.
"""

import numpy as np
from numpy.typing import NDArray

from schema.errors import UsageError
from schema.records import Vectors

DEFAULT_DIVERSITY = 0.4
"""Beyond it relevance is lost quickly: docs/tidying.md has the figures of every share."""

POOL = 200
"""Candidates that are put in order together. The next 200 are so by themselves, whatever page is
asked for, so that pages join."""


def check_diversity(diversity: float) -> None:
    """Refuse a share that is none.

    Raises:
        UsageError: It is not from 0 to 1.
    """
    if not 0 <= diversity <= 1:
        raise UsageError(
            f"diversity {diversity:g}: a share from 0, the most relevant hits whatever they show, "
            f"to 1, the most different ones; {DEFAULT_DIVERSITY} is usual"
        )


def diversify(scores: NDArray[np.float64], vectors: Vectors, diversity: float) -> list[int]:
    """Return the order of candidates by maximal marginal relevance, the first stays the first.

    Args:
        scores: Of the candidates in the order of their ranks: shape (n,). Where ranks were fused
            from several lists scores need not fall; relevance is that of the rank.
        vectors: Shape (n, dim), float32, unit norm.
        diversity: From 0 to 1, one less the paper's lambda.
    """
    if not len(scores):
        return []
    relevance = _spread(np.sort(scores)[::-1])
    # The mean of all cosines is the square of the mean vector.
    level = float(np.square(vectors.mean(axis=0, dtype=np.float64)).sum())
    cosines = vectors.astype(np.float64) @ vectors.T
    likeness = np.clip((cosines - level) / max(1 - level, 1e-9), 0, 1)
    order: list[int] = [0]
    likest = likeness[0].copy()
    left = np.ones(len(scores), dtype=bool)
    left[0] = False
    while left.any():
        gain = np.where(left, (1 - diversity) * relevance - diversity * likest, -np.inf)
        best = int(np.argmax(gain))
        order.append(best)
        left[best] = False
        likest = np.maximum(likest, likeness[best])
    return order


def _spread(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores stretched to reach from 0 to 1; equal ones become 1."""
    width = scores[0] - scores[-1]
    if width <= 0:
        return np.ones_like(scores)
    stretched: NDArray[np.float64] = (scores - scores[-1]) / width
    return stretched
