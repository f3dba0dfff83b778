"""The rows of one archive in a Milvus collection, embedded or on a server."""

import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from schema.archives import check_archive_name, known_archives
from schema.connection import Connection
from schema.errors import ArchiveMissing
from schema.fields import (
    NEUTRAL_FIELD,
    RECORD_FIELDS,
    SCHEMA_VERSION,
    SPARSE_FIELD,
    VECTOR_FIELD,
    from_row,
    milvus_schema,
    to_row,
)
from schema.filtered import search_filtered, words_filtered
from schema.filters import Filter, passes, push_down
from schema.flights import Flights
from schema.index import DEFAULT_PROFILE, check_page
from schema.milvus_collection import (
    ROWS_PER_CALL,
    MilvusCollection,
    create_collection,
    find_collection,
    has_field,
    name_collection,
)
from schema.precision import check_precision, from_stored, to_stored
from schema.records import (
    MAX_SCORE,
    MIN_SCORE,
    Embedded,
    ImageRecord,
    Match,
    Vector,
    Vectors,
    Worded,
)
from schema.store import ROWS_PER_BATCH, Collection

WRITES_AT_ONCE = 4
"""Writes under way on a server: while one is acknowledged the next are made and sent.
`scripts/benchmarks/server_writes.py` measures what they gain."""


class MilvusStore(MilvusCollection):
    """A `schema.store.Store` over pymilvus."""

    def __init__(self, connection: Connection, collection: Collection, *, bm25: bool) -> None:
        """Use ``open`` or ``create``.

        Args:
            bm25: Whether the collection has the field that BM25 needs. A collection that an older
                server made has not, whatever the server can by now.
        """
        super().__init__(connection, collection)
        self.can_match_words = bm25 and connection.capabilities.bm25

    @classmethod
    def open(cls, connection: Connection, archive: str) -> Self:
        """Open an archive's collection and load it for searching.

        Raises:
            ArchiveMissing: The store has no such archive; the message names those it has.
            ArchiveMismatch: The collection was not made by Eidetic, or by another version of it.
        """
        check_archive_name(archive)
        collection = find_collection(
            connection,
            archive,
            version=SCHEMA_VERSION,
            update=f"eidetic --archive {archive} migrate",
        )
        if collection is None:
            raise ArchiveMissing(
                f"there is no archive {archive!r} at {connection.uri}"
                f"{known_archives(connection)}; make it with the same options and: "
                f"eidetic --archive {archive} ingest FOLDER"
            )
        return cls.of(connection, collection)

    @classmethod
    def of(cls, connection: Connection, collection: Collection) -> Self:
        """Open a collection of this version that is known already, and load it for searching."""
        bm25 = has_field(connection, collection, SPARSE_FIELD)
        store = cls(connection, collection, bm25=bm25)
        store._prepare()
        return store

    @classmethod
    def create(
        cls,
        connection: Connection,
        archive: str,
        *,
        alias: str = "",
        model: str,
        dim: int,
        fingerprint: str,
        index: str = DEFAULT_PROFILE,
        vectors: str = "float32",
        neutral: str = "",
    ) -> Self:
        """Make the collection of a new archive for one model's vectors.

        Args:
            alias: What leads to it; by default the archive's name.
            vectors: How precisely they are held, see `schema.precision`.
            neutral: See `schema.store.Collection`.

        Raises:
            UsageError: The archive's name, the index profile or the precision cannot be used.
            StoreError: A collection or an alias of the archive's name exists already.
        """
        check_archive_name(archive)
        uid = secrets.token_hex(8)
        collection = Collection(
            name=name_collection(archive, model, SCHEMA_VERSION, uid),
            uid=uid,
            model=model,
            dim=dim,
            fingerprint=fingerprint,
            index=index,
            schema_version=SCHEMA_VERSION,
            vectors=check_precision(vectors, connection),
            neutral=neutral,
        )
        bm25 = connection.capabilities.bm25
        create_collection(
            connection,
            alias or archive,
            collection,
            milvus_schema(dim, bm25=bm25, vectors=vectors, neutral=bool(neutral)),
            has_words=bm25,
        )
        return cls(connection, collection, bm25=bm25)

    @property
    def writes_at_once(self) -> int:
        return 1 if self.connection.embedded else WRITES_AT_ONCE

    def upsert(self, rows: Sequence[Embedded]) -> int:
        starts = range(0, len(rows), ROWS_PER_CALL)
        chunks = [rows[start : start + ROWS_PER_CALL] for start in starts]
        if len(chunks) <= 1 or self.writes_at_once == 1:
            return sum(map(self._write, chunks))
        with Flights(self.writes_at_once, "eidetic-upsert") as flights:
            written = [
                flights.start((row.record.id for row in chunk), partial(self._write, chunk))
                for chunk in chunks
            ]
            return sum(each.result() for each in written)

    def get(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return {row["id"]: from_row(row) for row in self._fetch(ids, list(RECORD_FIELDS))}

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
        check_page(k, offset)
        if filters:
            return search_filtered(
                self,
                queries,
                k,
                where=where,
                filters=filters,
                offset=offset,
                with_vectors=with_vectors,
            )
        carried = [NEUTRAL_FIELD] if self.collection.neutral else []
        if with_vectors and len(queries) * k <= ROWS_PER_BATCH:
            carried.append(VECTOR_FIELD)
        found = self._read(
            "search",
            "search",
            where=where,
            data=list(self._stored(np.asarray(queries, dtype=np.float32))),
            anns_field=VECTOR_FIELD,
            limit=k,
            offset=offset,
            filter=where,
            output_fields=[*RECORD_FIELDS, *carried],
            search_params=self._profile.search_params(k + offset),
        )
        return [[_match(hit) for hit in hits] for hits in found]

    def match_words(
        self, words: str, k: int, *, where: str = "", filters: Sequence[Filter] = ()
    ) -> list[Worded]:
        if not self.can_match_words:
            return []
        if filters:
            return words_filtered(self, words, k, where=where, filters=filters)
        (found,) = self._read(
            "search the words",
            "search",
            where=where,
            data=[words],
            anns_field=SPARSE_FIELD,
            limit=k,
            filter=where,
            output_fields=list(RECORD_FIELDS),
            search_params={"metric_type": "BM25", "params": {}},
        )
        # Milvus Lite calls the score a distance and gives it a minus.
        return [Worded(from_row(hit["entity"]), abs(float(hit["distance"]))) for hit in found]

    def iterate(self, where: str = "", filters: Sequence[Filter] = ()) -> Iterator[ImageRecord]:
        for page in self._pages(push_down(where, filters), list(RECORD_FIELDS)):
            yield from (record for record in map(from_row, page) if passes(record, filters))

    def iterate_rows(self, where: str = "") -> Iterator[list[Embedded]]:
        """Yield the matching rows with their vectors by the batch, in the order of their ids."""
        for page in self._pages(where, [*RECORD_FIELDS, VECTOR_FIELD]):
            yield [Embedded(from_row(row), from_stored(row[VECTOR_FIELD])) for row in page]

    def as_held(self, vector: Vector) -> Vector:
        """Return what reading a vector gives that was written: of half precision, it is rounded."""
        stored = self._stored(vector)
        return vector if stored is vector else from_stored(stored.tobytes())

    def _stored(self, vectors: NDArray[np.float32]) -> NDArray[Any]:
        return to_stored(vectors, self.collection.vectors)

    def _write(self, rows: Sequence[Embedded]) -> int:
        neutral = self.collection.neutrality([row.vector for row in rows])
        made, cut = [], 0
        for each, known in zip(rows, neutral, strict=True):
            row, cut_here = to_row(Embedded(each.record, self._stored(each.vector)))
            if known is not None:
                row[NEUTRAL_FIELD] = known
            made.append(row)
            cut += cut_here
        self._ask(f"write {len(made)} rows", "upsert", data=made)
        self._wrote = True
        return cut

    def _mend_doubles(self, ids: list[str]) -> None:
        """Write rows anew that are there twice."""
        for start in range(0, len(ids), ROWS_PER_CALL):
            step = ids[start : start + ROWS_PER_CALL]
            records, vectors = self.get(step), self.vectors(step)
            self.upsert([Embedded(records[row], vectors[row]) for row in step])


def _match(hit: Any) -> Match:
    # Rounding in the store can put a cosine a hair outside its bounds.
    score = min(max(float(hit["distance"]), MIN_SCORE), MAX_SCORE)
    row = hit["entity"]
    vector = row.get(VECTOR_FIELD)
    return Match(
        from_row(row),
        score,
        None if vector is None else from_stored(vector),
        row.get(NEUTRAL_FIELD),
    )
