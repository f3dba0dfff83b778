"""Which hits are likely to show what was asked for, and which are only the nearest there are.

A cosine does not say: its level differs by model, by query and by image. So each query is
calibrated.

Words are held against neutral captions. An image that scores high for any words says nothing about
these; so its evidence is how far the query's cosine with it lies above the mean cosine of the
neutral captions with it, in units of what captions differ by on an image of the archive (the mean,
over a sample of rows, of the standard deviation over captions). The reference is not the archive's
mean for the query: what most of an archive shows would then be likely of none of it. That mean
cosine stands in the rows of archives on a server, which takes as long to give vectors as to search.

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
from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from embed.encoder import TextEncoder
from schema.records import Match, Vector, Vectors
from schema.store import Store
from search.calibration import Calibration, Neutral
from search.carried import with_vectors
from search.query import Query

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

    An image's evidence is (cosine with ``wanted`` - product with ``neutral`` - ``level``) / unit.

    Attributes:
        wanted: The query's vector: shape (dim,), float32, unit norm.
        neutral: Shape (dim,), float32; ``None`` where images are held against images.
        level: For images the median of the sample's cosines, for words 0.
        unit: What a cosine is told in, above 0: the captions' spread, or the sample's.
        height: The least evidence that makes a hit likely.
    """

    wanted: Vector
    neutral: Vector | None
    level: float
    unit: float
    height: float

    def evidence(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return how much speaks for each image: shape (n, dim) in, (n,) out."""
        aside = self.wanted if self.neutral is None else self.wanted - self.neutral
        found: NDArray[np.float32] = (products(vectors, aside) - self.level) / self.unit
        return found

    def told(self, match: Match) -> float | None:
        """Return what speaks for a match whose score is its cosine with ``wanted``; ``None`` where
        only its vector can tell.
        """
        aside = 0.0 if self.neutral is None else match.neutral
        return None if aside is None else (match.score - aside - self.level) / self.unit

    def judge(
        self,
        matches: Sequence[Match],
        store: Store,
        *,
        scored: bool,
        worded: frozenset[str] = frozenset(),
    ) -> list[Judged]:
        """Say of each match whether it is likely.

        Args:
            scored: Whether scores are cosines with ``wanted``, and the rows have what else tells.
            worded: Ids of rows that have every word of the query, and are likely by that.

        Raises:
            StoreError: The store does not answer, or answers with an error.
        """
        told = map(self.told, matches) if scored else ()
        found = [evidence for evidence in told if evidence is not None]
        there = list(matches)
        if len(found) < len(there):
            there, vectors = with_vectors(matches, store)
            found = self.evidence(vectors).tolist()
        return [
            Judged(
                match.record,
                match.score,
                match.vector,
                match.neutral,
                likely=match.record.id in worded or evidence >= self.height,
            )
            for match, evidence in zip(there, found, strict=True)
        ]


def rows_tell(query: Query, store: Store, encoder: Callable[[], TextEncoder]) -> bool:
    """Return whether a match's row and score say what speaks for it, without its vector.

    They do for images. For words a row says how neutral it is to the archive's own model, and
    another text tower that asks has another mean.
    """
    if not query.is_worded:
        return True
    collection = store.collection
    return bool(collection.neutral) and encoder().spec == collection.model


def draw_line(
    query: Query,
    wanted: Vector,
    *,
    store: Store,
    encoder: Callable[[], TextEncoder],
    calibration: Calibration,
    told: bool,
) -> Line | None:
    """Return a query's line; ``None`` where none can be drawn, as with too few rows.

    Args:
        wanted: The vector of what is looked for: shape (dim,), float32, unit norm.
        told: See `rows_tell`.

    Raises:
        StoreError: The store does not answer, or answers with an error.
    """
    sample = calibration.sample(store)
    if len(sample.vectors) == 0:
        return None
    if query.is_worded:
        mean = store.collection.neutral_mean if told else None
        neutral = calibration.neutral(sample, encoder(), mean)
        if neutral.spread == 0:
            return None
        return line_of_words(wanted, sample.vectors, neutral, rows=sample.rows)
    return line_of_images(wanted, sample.vectors, rows=sample.rows)


def line_of_words(wanted: Vector, sample: Vectors, neutral: Neutral, *, rows: int) -> Line:
    """Return the line of a query of words alone.

    Args:
        wanted: The query's vector; vectors are float32, of unit norm.
        sample: Of the archive, at least one row.
        rows: How many the archive has.
    """
    return _line(Line(wanted, neutral.mean, 0.0, neutral.spread, LINE), sample, rows)


def line_of_images(wanted: Vector, sample: Vectors, *, rows: int) -> Line | None:
    """Return the line of a query with an image in it; ``None`` where no spread can be told."""
    if len(sample) < MIN_SAMPLE:
        return None
    cosines = products(sample, wanted)
    median, unit = float(np.median(cosines)), _spread(cosines)
    if unit == 0:
        return None
    return _line(Line(wanted, None, median, unit, LINE), sample, rows)


def products(vectors: Vectors, direction: Vector) -> NDArray[np.float32]:
    """Return each vector's product with a direction: shape (n, dim) in, (n,) out.

    In one thread: a thousand rows are a tenth of a millisecond's work, and BLAS would share it
    among all cores and wait for each of them, for 10 ms where they are busy.
    """
    found: NDArray[np.float32] = np.einsum("ij,j->i", vectors, direction)
    return found


def _line(line: Line, sample: Vectors, rows: int) -> Line:
    """Return the line at the height for an archive of so many rows."""
    evidence = line.evidence(sample)
    if rows <= REFERENCE_ROWS or (evidence > line.height).mean() > FREQUENT:
        return line
    raised = _spread(evidence) * (sqrt(2 * log(rows)) - sqrt(2 * log(REFERENCE_ROWS)))
    return replace(line, height=line.height + raised)


def _spread(values: NDArray[np.floating]) -> float:
    """Return what would be the standard deviation, by the lower half of the values."""
    low, middle = np.percentile(values, [15.87, 50])
    return float(middle - low)
