"""What the queries of one archive are held against: a sample of its vectors, and neutral captions.

Both are read once and kept, in files too where there is a folder to keep them in: the sample until
the archive has grown or shrunk by a tenth, the captions' vectors as long as the model stays.
"""

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Self

import numpy as np

from embed.encoder import TextEncoder
from schema.records import Vector, Vectors
from schema.store import Collection, Store
from search.neutral import NEUTRAL

SAMPLE_ROWS = 1000
"""Enough for a mean and a spread to 3 %; read in a fifth of a second by the embedded store."""

TOLERATED_CHANGE = 0.1
"""Share by which the number of rows may change before the sample is drawn anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Some of an archive's rows.

    Attributes:
        vectors: Shape (n, dim), float32, unit norm.
        rows: How many rows the archive had when they were drawn.
    """

    vectors: Vectors
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Neutral:
    """What any image of an archive gets from any words.

    Attributes:
        mean: Mean of the neutral captions' vectors, as the rows of the archive have it where they
            have it: shape (dim,), float32.
        spread: What captions differ by on one image: the mean, over a sample of rows, of the
            standard deviation over captions of their cosines with it.
    """

    mean: Vector
    spread: float

    @classmethod
    def of(cls, captions: Vectors, sample: Vectors, mean: Vector | None = None) -> Self:
        """Measure them: shapes (captions, dim) and (rows, dim), at least one each.

        Args:
            mean: What the rows were held against, where that is settled: shape (dim,), float32.
        """
        if mean is None:
            mean = captions.mean(axis=0)
        return cls(mean, float((sample @ captions.T).std(axis=1).mean()))


class Calibration:
    """One archive's references. Threads may share it: at worst two read the same."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read nothing yet.

        Args:
            folder: Where both are kept between processes.
        """
        self._folder = folder
        self._drawn: tuple[str, Sample] | None = None
        self._captions: tuple[str, Vectors] | None = None
        self._neutral: tuple[Sample, Vectors, Neutral] | None = None

    def sample(self, store: Store) -> Sample:
        """Return the vectors of about `SAMPLE_ROWS` rows.

        Raises:
            StoreError: The store does not answer, or answers with an error.
        """
        collection, rows = store.collection, store.count()
        if self._drawn is not None:
            drawn_uid, drawn = self._drawn
            if drawn_uid == collection.uid and _is_about(rows, drawn.rows):
                return drawn
        sample = self._kept_sample(collection, rows)
        if sample is None:
            sample = Sample(store.sample_vectors(SAMPLE_ROWS), rows)
            self._keep_sample(collection, sample)
        self._drawn = (collection.uid, sample)
        return sample

    def _kept_sample(self, collection: Collection, rows: int) -> Sample | None:
        for file in self._samples(collection.uid):
            drawn = file.stem.rpartition("-")[2]
            if drawn.isdecimal() and _is_about(rows, int(drawn)):
                vectors = _load(file)
                if vectors is not None and vectors.shape[1:] == (collection.dim,):
                    return Sample(vectors, int(drawn))
        return None

    def _keep_sample(self, collection: Collection, sample: Sample) -> None:
        if self._folder is None or not len(sample.vectors):
            return
        file = self._folder / f"sample-{collection.uid}-{sample.rows}.npy"
        _save(file, sample.vectors)
        for other in self._samples(collection.uid):
            if other != file:
                other.unlink(missing_ok=True)

    def _samples(self, uid: str) -> list[Path]:
        return [] if self._folder is None else sorted(self._folder.glob(f"sample-{uid}-*.npy"))

    def neutral(self, sample: Sample, encoder: TextEncoder, mean: Vector | None = None) -> Neutral:
        """Return what an archive is held against by words.

        Args:
            sample: Of its rows, at least one.
            mean: That of its collection, if it has one.

        Raises:
            UsageError: The model takes images only.
        """
        captions = self.captions(encoder)
        if self._neutral is not None:
            seen, said, neutral = self._neutral
            if seen is sample and said is captions:
                return neutral
        neutral = Neutral.of(captions, sample.vectors, mean)
        self._neutral = (sample, captions, neutral)
        return neutral

    def captions(self, encoder: TextEncoder) -> Vectors:
        """Return the neutral captions' vectors: shape (captions, dim), float32, unit norm.

        Raises:
            UsageError: The model takes images only.
        """
        told = "\0".join((encoder.spec, encoder.fingerprint, str(encoder.dim), *NEUTRAL))
        key = blake2b(told.encode(), digest_size=8).hexdigest()
        if self._captions is not None and self._captions[0] == key:
            return self._captions[1]
        file = self._folder / f"neutral-{key}.npy" if self._folder else None
        vectors = _load(file)
        if vectors is None or vectors.shape != (len(NEUTRAL), encoder.dim):
            vectors = encoder.encode_texts(NEUTRAL)
            _save(file, vectors)
        self._captions = (key, vectors)
        return vectors


def _is_about(rows: int, drawn: int) -> bool:
    return abs(rows - drawn) <= TOLERATED_CHANGE * drawn


def _load(file: Path | None) -> Vectors | None:
    if file is None:
        return None
    try:
        vectors: Vectors = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        # Not there, or cut short: it is made anew.
        return None
    return vectors if vectors.dtype == np.float32 and vectors.ndim == 2 else None


def _save(file: Path | None, vectors: Vectors) -> None:
    if file is None:
        return
    part = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with part.open("wb") as opened:
            np.save(opened, vectors)
        part.replace(file)
    except OSError:
        # A folder that cannot be written to costs the next process the time, and no more.
        part.unlink(missing_ok=True)
