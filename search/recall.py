"""How well the index finds what exact search finds: recall of a sample of rows by themselves.

Recall at k is the share of the k truly nearest rows that the index returns (Aumüller, Bernhardsson
and Faithfull, "ANN-Benchmarks", Information Systems 87, 2020); like there, a returned row counts if
it is as near as the k-th nearest, so that rows of equal vectors can stand for each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schema.records import Match, Vectors
from schema.store import Store

K = 10
QUERIES_PER_CALL = 64

TIE = 1e-5
"""Scores this close count as equal: the store and numpy sum in different orders."""


@dataclass(frozen=True, slots=True)
class IndexRecall:
    """Recall of the index on a sample.

    Attributes:
        at_10: Mean share of the ten nearest rows that were found, in [0, 1].
        short: Rows for which a nearest row was not found, by id, with their share.
    """

    at_10: float
    short: dict[str, float]


class ExactNeighbours:
    """The scores of a sample's nearest rows, gathered from all rows as they stream by.

    Memory: the sample, one batch, and ``len(sample) * K`` scores.
    """

    def __init__(self, sample: Vectors) -> None:
        """Begin with the sample: shape (n, dim), float32, unit norm."""
        self._sample = sample
        self._best: NDArray[np.float32] = np.full((len(sample), K), -np.inf, dtype=np.float32)

    def take(self, vectors: Vectors) -> None:
        """Take in a batch of rows: shape (m, dim). Those without a direction are left out."""
        scores = self._sample @ of_unit_norm(vectors).T
        both = np.concatenate([self._best, scores], axis=1)
        self._best = np.partition(both, both.shape[1] - K, axis=1)[:, -K:]

    def measure(self, ids: Sequence[str], store: Store) -> IndexRecall:
        """Ask the index for the same, once all rows have been taken in.

        Args:
            ids: Of the sample, in its order.
        """
        starts = range(0, len(ids), QUERIES_PER_CALL)
        queries = (self._sample[start : start + QUERIES_PER_CALL] for start in starts)
        return self.judge(ids, (found for block in queries for found in store.search(block, K)))

    def judge(self, ids: Sequence[str], found: Iterable[Sequence[Match]]) -> IndexRecall:
        """Compare what the index found, once all rows have been taken in.

        Args:
            ids: What to call the sample's queries, in its order.
            found: The first `K` matches of each.
        """
        shares: list[float] = []
        for best, matches in zip(self._best, found, strict=True):
            reachable = best[np.isfinite(best)]
            near = sum(match.score >= reachable.min() - TIE for match in matches)
            shares.append(min(near / len(reachable), 1.0))
        short = {i: share for i, share in zip(ids, shares, strict=True) if share < 1}
        return IndexRecall(float(np.mean(shares)), short)


def of_unit_norm(vectors: Vectors) -> Vectors:
    """Return the rows that have a direction, with unit norm: shape (m, dim) in, at most that out.

    One without, because it is damaged, is found by nothing.
    """
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = (np.isfinite(norms) & (norms > 0))[:, 0]
    scaled: Vectors = vectors[usable] / norms[usable]
    return scaled
