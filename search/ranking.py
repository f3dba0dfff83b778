"""The ranks of right answers, exact, from blocks of scores: a whole matrix need not fit in memory.

A rank is one more than the number of wrong answers that score higher.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schema.records import Vectors

SCORES_AT_ONCE = 1 << 22
"""Scores held together: 16 MB, and 4 MB of comparisons."""

TIE = 1e-6
"""Scores this close are equal: one product sums in another order in a block of another shape."""

Scores = NDArray[np.float32]
Ranks = NDArray[np.float64]


def own_scores(texts: Vectors, owner: NDArray[np.intp], images: Vectors) -> Scores:
    """Score of each text and its own image: shape (texts,).

    Args:
        texts: Shape (texts, dim), float32, unit norm; so are images: (images, dim).
        owner: Each text's image: shape (texts,).
    """
    scores: Scores = np.empty(len(texts), dtype=np.float32)
    for block in blocks(len(texts), texts.shape[1]):
        scores[block] = np.einsum("nd,nd->n", texts[block], images[owner[block]])
    return scores


class RanksOfTexts:
    """Counts, while images stream by, those that score higher than each text's own image.

    Memory: the texts' vectors, a batch, and a block of scores.
    """

    def __init__(self, texts: Vectors, own: Scores) -> None:
        """Begin with the texts: shape (n, dim), float32, unit norm; own: shape (n,)."""
        self._texts = texts
        self._own = own
        self._higher: NDArray[np.int64] = np.zeros(len(texts), dtype=np.int64)

    def take(self, vectors: Vectors) -> None:
        """Take in a batch of images: shape (m, dim), unit norm."""
        for block in blocks(len(self._texts), len(vectors)):
            scores = self._texts[block] @ vectors.T
            self._higher[block] += (scores > self._own[block, None] + TIE).sum(axis=1)

    @property
    def ranks(self) -> Ranks:
        """The ranks among the images so far: shape (n,)."""
        return self._higher.astype(np.float64) + 1.0


def image_ranks(texts: Vectors, owner: NDArray[np.intp], images: Vectors) -> Ranks:
    """Rank of each image's best own text among all texts: shape (images,).

    Args:
        texts: Shape (texts, dim), float32, unit norm; so are images: (images, dim).
        owner: Each text's image: shape (texts,), ascending, every image at least once.
    """
    starts = np.searchsorted(owner, np.arange(len(images) + 1))
    ranks = np.empty(len(images))
    for block in blocks(len(images), len(texts)):
        scores = texts @ images[block].T
        for column, image in enumerate(range(block.start, block.stop)):
            best = scores[starts[image] : starts[image + 1], column].max()
            ranks[image] = 1.0 + np.count_nonzero(scores[:, column] > best + TIE)
    return ranks


def blocks(n: int, width: int) -> Iterator[slice]:
    """Yield slices of n rows, each of at most `SCORES_AT_ONCE` scores where a row has ``width``."""
    step = max(1, SCORES_AT_ONCE // max(width, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))
