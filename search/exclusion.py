"""How "-people" leaves images of people out: by contrast with the collection.

An encoder has no notion of "without": the vector of the words "dogs without people" lies nearer to
images of people than that of "dogs". So what is left out is embedded by itself. It is subtracted
from the query in a small part, which ranks what shows it lower; and an image that shows it clearly
more than the collection's images do is dropped. Cosines of two texts with one image cannot be
compared as they are, for each text has a level of its own; so the reference is the collection:
the excluded text's cosines with a sample of rows. `scripts/benchmarks/exclusion`
measures this rule against subtraction alone; `docs/search.md` has the figures.
"""

import numpy as np
from numpy.typing import NDArray

from embed.encoder import unit
from schema.index import MAX_LIMIT, check_page
from schema.records import Match, Vector, Vectors
from schema.store import Store
from search.carried import with_vectors
from search.query import Query

SUBTRACTED = 0.3
"""Share of the excluded vectors' mean that is taken from the query."""

MARGIN = 1.25
"""Standard deviations above the collection's mean from which on an image shows what is excluded."""

TWO_GROUPS = 0.8
"""Share of the variance that lies between two groups from which on there are two: those that show
the excluded thing, and the others. A single normal group cut in half has 2 / pi, 0.64."""

MIN_SAMPLE = 20
"""Rows below which a mean and a spread say nothing; an image is then dropped where it is nearer to
what is excluded than to what is looked for."""

FETCHED_PER_WANTED = 4
MIN_FETCHED = 100
GROWTH = 4


class Exclusion:
    """What a query leaves out, as a rule on matches.

    Attributes:
        aim: What is searched for: the wanted vector less a part of what is excluded; shape (dim,),
            float32, unit norm. Scores are cosines with it.
    """

    def __init__(
        self, query: Query, wanted: Vector, excluded: Vectors, *, store: Store, sample: Vectors
    ) -> None:
        """Set the limits.

        Args:
            sample: Vectors of rows drawn by chance: shape (rows, dim), float32, unit norm.
            wanted: The vector of what is looked for: shape (dim,), float32, unit norm.
            excluded: The vectors of what is left out: shape (n, dim), float32, unit norm.
        """
        self.aim = unit((wanted - SUBTRACTED * excluded.mean(axis=0))[None])[0]
        self._query = query
        self._wanted = wanted
        self._excluded = excluded
        self._store = store
        self._limits = _limits(excluded, sample)

    def nearest(self, k: int, offset: int) -> list[Match]:
        """Return the matches that are left, ranked offset to offset + k, best first.

        Rows are looked at in growing numbers until enough are left, up to the `MAX_LIMIT` nearest.

        Raises:
            UsageError: The filter is unknown to the store, or the page lies beyond `MAX_LIMIT`.
            StoreError: The store does not answer, or answers with an error.
        """
        check_page(k, offset)
        query, needed = self._query, k + offset
        kept: list[Match] = []
        seen = 0
        fetched = max(FETCHED_PER_WANTED * needed, MIN_FETCHED)
        while True:
            fetched = min(fetched, MAX_LIMIT)
            (found,) = self._store.search(
                self.aim[None],
                fetched,
                where=query.where,
                filters=query.filters,
                with_vectors=True,
            )
            kept += self.keep(found[seen:])
            seen = len(found)
            if len(kept) >= needed or seen < fetched or fetched == MAX_LIMIT:
                return kept[offset:needed]
            fetched *= GROWTH

    def keep(self, matches: list[Match]) -> list[Match]:
        """Return the matches that do not show what is excluded, in their order."""
        matches, vectors = with_vectors(matches, self._store)
        if not matches:
            return []
        cosines = vectors @ self._excluded.T
        limit = (vectors @ self._wanted)[:, None] if self._limits is None else self._limits
        kept = np.flatnonzero((cosines <= limit).all(axis=1))
        return [matches[n] for n in kept]


def _limits(excluded: Vectors, sample: Vectors) -> NDArray[np.float32] | None:
    """Return the cosine above which a row shows each excluded thing; ``None`` without a sample."""
    if len(sample) < MIN_SAMPLE:
        return None
    cosines = sample @ excluded.T
    return np.array([_limit(column) for column in cosines.T], dtype=np.float32)


def _limit(cosines: NDArray[np.float32]) -> float:
    """Return where to cut a sample's cosines with one excluded thing: shape (n,).

    Where it is frequent, the cosines fall into two groups, and the cut is between them, by Otsu's
    criterion ("A threshold selection method from gray-level histograms", IEEE Transactions on
    Systems, Man, and Cybernetics 9, 1979). Else it is `MARGIN` above the mean.
    """
    ranked = np.sort(cosines.astype(np.float64))
    mean, spread = ranked.mean(), ranked.std()
    below = np.arange(1, len(ranked))
    lower = np.cumsum(ranked)[:-1] / below
    upper = (ranked.sum() - lower * below) / (len(ranked) - below)
    between = below * (len(ranked) - below) * (upper - lower) ** 2 / len(ranked) ** 2
    best = int(np.argmax(between))
    if between[best] > TWO_GROUPS * spread**2:
        return float(ranked[best] + ranked[best + 1]) / 2
    return float(mean + MARGIN * spread)
