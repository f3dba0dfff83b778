"""Rows of an archive that was never photographed, in any number: vectors as encoders make them.

Vectors of CLIP-family encoders share a mean, lie in clusters, and differ within these along few
directions of quickly falling weight. So do these: a mean, `CLUSTERS` centres, and within a cluster
`DIRECTIONS` directions whose weights fall as 1/sqrt(n). Vectors without such structure (normal in
all directions) are nearly equally far from each other, and tell nothing of an index.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from schema import Embedded, ImageRecord, Match, Vectors, row_id

CLUSTERS = 2000
DIRECTIONS = 96
ROWS_AT_ONCE = 4000
QUERY_SEED = 2**31
"""Vectors of this seed are of no row."""

CAMERAS = ("Nikon D70", "Canon EOS R5", "SONY ILCE-7M3", "Apple iPhone 14", "Google Pixel 8")
TAGS = ("holiday", "family", "work", "dog", "garden", "sea", "snow", "city", "night", "food")
ROOT = "0123456789abcdef"


class Synthetic:
    """A source of vectors and rows; of one seed they are always the same."""

    def __init__(self, dim: int = 512, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.dim = dim
        self._mean = random.standard_normal(dim).astype(np.float32) * 0.6
        self._centres = random.standard_normal((CLUSTERS, dim)).astype(np.float32) * 0.6
        weights = 1.6 / np.sqrt(1 + np.arange(DIRECTIONS))
        self._spread = (random.standard_normal((DIRECTIONS, dim)) * weights[:, None]).astype(
            np.float32
        )

    def vectors(self, n: int, seed: int) -> Vectors:
        """Shape (n, dim), float32, unit norm."""
        random = np.random.default_rng((1, seed))
        found = self._mean + self._centres[random.integers(CLUSTERS, size=n)]
        found += random.standard_normal((n, DIRECTIONS), dtype=np.float32) @ self._spread
        found += 0.2 * random.standard_normal((n, self.dim), dtype=np.float32)
        normed: Vectors = found / np.linalg.norm(found, axis=1, keepdims=True)
        return normed

    def rows(self, n: int) -> Iterator[list[Embedded]]:
        """Yield n rows by `ROWS_AT_ONCE`."""
        for start in range(0, n, ROWS_AT_ONCE):
            some = self.vectors(min(ROWS_AT_ONCE, n - start), seed=start)
            yield [Embedded(_record(start + i), vector) for i, vector in enumerate(some)]


def _record(n: int) -> ImageRecord:
    path = f"{2000 + n % 24}/{n // 500:05d}/IMG_{n:07d}.jpg"
    tags = (TAGS[n % 10], TAGS[n // 10 % 10])
    return ImageRecord(
        id=row_id(ROOT, path),
        root=ROOT,
        path=path,
        content=f"{n:032x}",
        size_bytes=2_000_000 + n,
        mtime_ns=1_700_000_000_000_000_000 + n,
        width=4000,
        height=3000,
        format="jpeg",
        taken_at=1_000_000_000_000 + 7_000_000 * n,
        utc_offset_min=60,
        taken_from="exif",
        camera=CAMERAS[n % 5],
        lens="24-70 mm f/2.8",
        iso_speed=100 * (1 + n % 8),
        focal_mm=float(24 + n % 46),
        aperture=2.8,
        shutter_s=1 / 250,
        lat=48.0 + n % 100 / 100,
        lon=2.0 + n % 100 / 100,
        place="Paris",
        country="France",
        tags=tags,
        text=f"IMG {n} {' '.join(tags)} Paris France",
        phash=n,
    )


def exact_neighbours(source: Synthetic, n: int, queries: Vectors, k: int) -> list[set[str]]:
    """Return, for each query, the ids of its k nearest of the first n rows, by comparing all."""
    places = np.zeros((len(queries), 0), dtype=np.int64)
    scores = np.zeros((len(queries), 0), dtype=np.float32)
    for start in range(0, n, ROWS_AT_ONCE):
        some = source.vectors(min(ROWS_AT_ONCE, n - start), seed=start)
        both = np.hstack([scores, queries @ some.T])
        names = np.hstack([places, np.tile(np.arange(start, start + len(some)), (len(queries), 1))])
        best = np.argsort(-both, axis=1)[:, :k]
        scores = np.take_along_axis(both, best, axis=1)
        places = np.take_along_axis(names, best, axis=1)
    return [{_record(place).id for place in row} for row in places.tolist()]


def recall(found: Sequence[Sequence[Match]], exact: Sequence[set[str]]) -> float:
    """Return the share of the exact neighbours that were found."""
    hits = sum(
        len({match.record.id for match in matches} & wanted)
        for matches, wanted in zip(found, exact, strict=True)
    )
    return hits / sum(map(len, exact))
