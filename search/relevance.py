"""Which hits are likely to show what was asked for, and which are only the nearest there are.

A cosine does not say: its level differs by model, by query and by image. So each query is
calibrated.

Words are held against neutral captions. An image that scores high for any words says nothing about
these; so its evidence is how far the query's cosine with it lies above the mean cosine of the
neutral captions with it, in units of what captions differ by on an image of the archive (the mean,
over a sample of rows, of the standard deviation over captions). The reference is not the archive's
mean for the query: what most of an archive shows would then be likely of none of it.

Where an image is asked for, there are no such captions, and images are held against each other:
evidence is how far the cosine lies above the median of the sample's, in units of the lower half's
spread, which what matches does not widen.

A line for one image is passed by chance by some of many. What many rows of the sample pass is no
chance; else, in an archive of more than `REFERENCE_ROWS`, the line is raised by what the maximum of
that many normal draws grows, sqrt(2 ln n) (Leadbetter, Lindgren and Rootzén, "Extremes and Related
Properties of Random Sequences and Processes", 1983), in units of the sample's spread.

`scripts/benchmarks/relevance` measures the lines; `docs/search.md` has the figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from embed.encoder import TextEncoder
from schema.records import Match, Vector, Vectors
from schema.store import Store
from search.calibration import Calibration, Neutral
from search.carried import with_vectors
from search.query import Query, Text

LINE = 2.25
"""Evidence from which on a hit is likely. Of words and of images, with the built-in model and with
ViT-B/32, the harmonic mean of precision and recall is at or near its highest here."""

REFERENCE_ROWS = 1000
"""Size of the archives on which the lines were chosen."""

FREQUENT = 0.02
"""Share of the sample above the line from which on it is no chance."""

MIN_SAMPLE = 20
"""Rows below which an image's cosines have no spread to speak of, and no line is drawn."""


@dataclass(frozen=True, slots=True)
class Judged(Match):
    """A match, and whether it is likely to be what was asked for.

    Attributes:
        likely: ``None`` where no line can be drawn.
    """

    likely: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Where likely begins, for one query.

    Attributes:
        direction: Shape (dim,), float32: evidence is an image's product with it, less ``level``.
        height: The least evidence that makes a hit likely.
    """

    direction: Vector
    level: float
    height: float

    def evidence(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return how much speaks for each image: shape (n, dim) in, (n,) out."""
        return products(vectors, self.direction) - self.level

    def judge(
        self, matches: Sequence[Match], store: Store, *, worded: frozenset[str] = frozenset()
    ) -> list[Judged]:
        """Say of each match whether it is likely.

        Args:
            worded: Ids of rows that have every word of the query, and are likely by that.

        Raises:
            StoreError: The store does not answer, or answers with an error.
        """
        there, vectors = with_vectors(matches, store)
        if not there:
            return []
        return [
            Judged(m.record, m.score, v, m.record.id in worded or bool(found >= self.height))
            for m, v, found in zip(there, vectors, self.evidence(vectors), strict=True)
        ]


def draw_line(
    query: Query,
    wanted: Vector,
    *,
    store: Store,
    encoder: Callable[[], TextEncoder],
    calibration: Calibration,
) -> Line | None:
    """Return a query's line; ``None`` where too few rows are there to draw one.

    Args:
        wanted: The vector of what is looked for: shape (dim,), float32, unit norm.

    Raises:
        StoreError: The store does not answer, or answers with an error.
    """
    sample = calibration.sample(store)
    if len(sample.vectors) == 0:
        return None
    if all(isinstance(term, Text) for term in query.terms):
        neutral = calibration.neutral(sample, encoder())
        return line_of_words(wanted, sample.vectors, neutral, rows=sample.rows)
    return line_of_images(wanted, sample.vectors, rows=sample.rows)


def line_of_words(wanted: Vector, sample: Vectors, neutral: Neutral, *, rows: int) -> Line:
    """Return the line of a query of words alone.

    Args:
        wanted: The query's vector; vectors are float32, of unit norm.
        sample: Of the archive, at least one row.
        rows: How many the archive has.
    """
    direction: Vector = (wanted - neutral.mean) / neutral.spread
    return Line(direction, 0.0, _height(LINE, products(sample, direction), rows))


def line_of_images(wanted: Vector, sample: Vectors, *, rows: int) -> Line | None:
    """Return the line of a query with an image in it; ``None`` where no spread can be told."""
    if len(sample) < MIN_SAMPLE:
        return None
    cosines = products(sample, wanted)
    median, unit = float(np.median(cosines)), _spread(cosines)
    if unit == 0:
        return None
    direction, level = wanted / unit, median / unit
    return Line(direction, level, _height(LINE, products(sample, direction) - level, rows))


def products(vectors: Vectors, direction: Vector) -> NDArray[np.float32]:
    """Return each vector's product with a direction: shape (n, dim) in, (n,) out.

    In one thread: a thousand rows are a tenth of a millisecond's work, and BLAS would share it
    among all cores and wait for each of them, for 10 ms where they are busy.
    """
    found: NDArray[np.float32] = np.einsum("ij,j->i", vectors, direction)
    return found


def _height(line: float, evidence: NDArray[np.floating], rows: int) -> float:
    if rows <= REFERENCE_ROWS or (evidence > line).mean() > FREQUENT:
        return line
    return line + _spread(evidence) * (sqrt(2 * log(rows)) - sqrt(2 * log(REFERENCE_ROWS)))


def _spread(values: NDArray[np.floating]) -> float:
    """Return what would be the standard deviation, by the lower half of the values."""
    low, middle = np.percentile(values, [15.87, 50])
    return float(middle - low)
