"""The seam to whatever holds the rows, and a shipped in-memory fake of it."""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np

from schema.bm25 import bm25
from schema.closing import Closing
from schema.errors import ArchiveMismatch, UsageError
from schema.filters import Filter, passes
from schema.records import Embedded, ImageRecord, Match, Vector, Vectors, Worded

ROWS_PER_BATCH = 4000
"""What an iteration holds at a time: with 1,024 dimensions a message of 16 MB, a quarter of what a
Milvus server accepts. Smaller batches cost: the embedded store reads every row for each of them."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection says of itself; stored with it and never changed afterwards.

    Attributes:
        name: Name of the Milvus collection; the archive's name is an alias of it.
        uid: Drawn at random when the collection was made, so that a journal can tell whether it
            speaks of this collection or of a namesake.
        model: Spec of the model whose vectors it holds; ``dim`` is their length.
        fingerprint: The pre-processing behind the vectors, see `embed.encoder.Encoder`.
        index: Name of the index profile.
        schema_version: Version of the fields.
        vectors: How precisely it holds them, see `schema.precision`.
        neutral: The mean of the model's vectors of neutral captions, against which queries of words
            are held, as `packed`: each row then has its vector's product with it, and need not
            give its vector to be judged. "" where rows have none.
    """

    name: str
    uid: str
    model: str
    dim: int
    fingerprint: str
    index: str
    schema_version: int
    vectors: str = "float32"
    neutral: str = ""

    @property
    def neutral_mean(self) -> Vector | None:
        """What ``neutral`` says: shape (dim,), float32, of any norm."""
        return unpacked(self.neutral) if self.neutral else None

    def neutrality(self, vectors: Sequence[Vector] | Vectors) -> Sequence[float | None]:
        """Return each vector's product with `neutral_mean`: n vectors in, n out."""
        mean = self.neutral_mean
        return [None] * len(vectors) if mean is None else (np.asarray(vectors) @ mean).tolist()

    def require(self, *, model: str, dim: int, fingerprint: str) -> None:
        """Refuse vectors that would not belong here.

        Raises:
            ArchiveMismatch: Another model, dimension or pre-processing; says how to go on.
        """
        wanted = (model, dim, fingerprint)
        held = (self.model, self.dim, self.fingerprint)
        if wanted == held:
            return
        differs = next(i for i in range(3) if wanted[i] != held[i])
        what = ("model", "dimension", "pre-processing")[differs]
        raise ArchiveMismatch(
            f"the archive holds vectors of {what} {held[differs]!r}, not {wanted[differs]!r}, and "
            "vectors of two kinds cannot be compared; go on with "
            f"--model {self.model}, or change the archive's model: "
            f"eidetic migrate --model {model}"
        )


def packed(vector: Vector) -> str:
    """Return a vector as text: base64 of its little-endian float32s."""
    return b64encode(vector.astype("<f4").tobytes()).decode()


def unpacked(text: str) -> Vector:
    """Return the vector of such a text: shape (dim,), float32.

    Raises:
        ValueError: It is none.
    """
    return np.frombuffer(b64decode(text, validate=True), dtype="<f4")


class Store(Protocol):
    """The rows of one archive. A write is visible to the reads that follow it.

    Threads may write at the same time, so long as none writes or deletes a row that another does.

    Every method raises `StoreUnreachable` when the store does not answer within the bound on
    retries, and `StoreError` when it answers with an error.
    """

    @property
    def collection(self) -> Collection: ...

    @property
    def can_match_words(self) -> bool:
        """Whether `match_words` finds anything here."""
        ...

    @property
    def writes_at_once(self) -> int:
        """How many writes at a time are faster than one after the other."""
        ...

    def upsert(self, rows: Sequence[Embedded]) -> int:
        """Write rows, replacing those of the same id; return how many values were cut to fit."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows by id; ids that are not there are no error."""
        ...

    def get(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Return the rows that exist, by id."""
        ...

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors of the rows that exist, by id: shape (dim,), float32, unit norm."""
        ...

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        where: str = "",
        filters: Sequence[Filter] = (),
        offset: int = 0,
        with_vectors: bool = False,
    ) -> list[list[Match]]:
        """Return, for each query vector, the matches ranked offset to offset + k, best first.

        Args:
            queries: Shape (n, dim), float32, unit norm.
            where: A Milvus boolean expression over the row's fields; "" for all rows.
            filters: What a row must fulfil besides; k rows come back wherever k do.
            with_vectors: Whether the matches are to carry their rows' vectors, for callers that
                would ask for them next. A store may leave out those of a large answer.

        Raises:
            UsageError: The expression does not parse or names an unknown field.
        """
        ...

    def match_words(
        self, words: str, k: int, *, where: str = "", filters: Sequence[Filter] = ()
    ) -> list[Worded]:
        """Return the k rows whose text has some of the words, best by BM25 first.

        Args:
            words: With spaces between them; case does not matter.
            where: As in `search`; so are ``filters``.

        Raises:
            UsageError: The expression does not parse or names an unknown field.
        """
        ...

    def iterate(self, where: str = "", filters: Sequence[Filter] = ()) -> Iterator[ImageRecord]:
        """Yield every matching row in the order of their ids, with memory bounded by a batch."""
        ...

    def iterate_vectors(self, where: str = "") -> Iterator[tuple[list[str], Vectors]]:
        """Yield the matching rows' ids and vectors by the batch, in no particular order.

        Vectors are as they are stored: shape (n, dim), float32, whatever their norm.
        """
        ...

    def sample_vectors(self, n: int) -> Vectors:
        """Return the vectors of about n rows drawn by chance, or of all where there are fewer.

        The draw is by the ids, which are hashes: while the rows stay, so does the sample.
        """
        ...

    def count(self, where: str = "") -> int:
        """Return how many rows match."""
        ...

    def close(self) -> None:
        """Release the store; calling it twice is no error."""
        ...


class MemoryStore(Closing):
    """A store in a dictionary with exact search, for tests of what stands around a store.

    It evaluates filters by their predicates and has no filter language: a ``where`` other than ""
    is a `UsageError`, except ``root == "ID"``, which the ingestion needs.
    """

    can_match_words = True
    writes_at_once = 1

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._rows: dict[str, Embedded] = {}

    def upsert(self, rows: Sequence[Embedded]) -> int:
        for row in rows:
            if row.vector.shape != (self.collection.dim,):
                raise UsageError(
                    f"a vector has shape {row.vector.shape}, not {(self.collection.dim,)}"
                )
            self._rows[row.record.id] = row
        return 0

    def delete(self, ids: Sequence[str]) -> None:
        for row_id in ids:
            self._rows.pop(row_id, None)

    def get(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return {i: self._rows[i].record for i in ids if i in self._rows}

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        return {i: self._rows[i].vector for i in ids if i in self._rows}

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        where: str = "",
        filters: Sequence[Filter] = (),
        offset: int = 0,
        with_vectors: bool = False,
    ) -> list[list[Match]]:
        rows = [row for row in self._select(where) if passes(row.record, filters)]
        if not rows:
            return [[] for _ in queries]
        vectors = np.stack([row.vector for row in rows])
        scores = queries @ vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, offset : offset + k]
        neutral = self.collection.neutrality(vectors)
        return [
            [
                Match(
                    rows[i].record,
                    float(scores[n, i]),
                    rows[i].vector if with_vectors else None,
                    neutral[i],
                )
                for i in ranked
            ]
            for n, ranked in enumerate(order)
        ]

    def match_words(
        self, words: str, k: int, *, where: str = "", filters: Sequence[Filter] = ()
    ) -> list[Worded]:
        rows = [row.record for row in self._select(where)]
        scores = bm25([record.text for record in rows], words)
        found = [
            Worded(record, score)
            for record, score in zip(rows, scores, strict=True)
            if score > 0 and passes(record, filters)
        ]
        return sorted(found, key=lambda row: -row.bm25)[:k]

    def iterate(self, where: str = "", filters: Sequence[Filter] = ()) -> Iterator[ImageRecord]:
        rows = [row.record for row in self._select(where) if passes(row.record, filters)]
        yield from sorted(rows, key=lambda record: record.id)

    def iterate_vectors(self, where: str = "") -> Iterator[tuple[list[str], Vectors]]:
        rows = iter(self._select(where))
        while batch := list(islice(rows, ROWS_PER_BATCH)):
            yield [row.record.id for row in batch], np.stack([row.vector for row in batch])

    def sample_vectors(self, n: int) -> Vectors:
        ids = sorted(self._rows)[:n]
        rows = [self._rows[i].vector for i in ids]
        return np.stack(rows) if rows else np.empty((0, self.collection.dim), dtype=np.float32)

    def count(self, where: str = "") -> int:
        return len(self._select(where))

    def close(self) -> None:
        pass

    def _select(self, where: str) -> list[Embedded]:
        if where == "":
            return list(self._rows.values())
        field, _, value = where.partition(" == ")
        if field != "root":
            raise UsageError(f"the in-memory store cannot filter by {where!r}")
        return [row for row in self._rows.values() if row.record.root == value.strip('"')]
