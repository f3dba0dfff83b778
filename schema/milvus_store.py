"""The rows of one archive in a Milvus collection, embedded or on a server."""

import logging
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from schema.archives import (
    check_archive_name,
    collection_name,
    known_archives,
    properties_of,
    read_properties,
)
from schema.connection import Connection
from schema.errors import ArchiveMissing, StoreError
from schema.fields import (
    FIELD_NAMES,
    SCHEMA_VERSION,
    SPARSE_FIELD,
    VECTOR_FIELD,
    from_row,
    milvus_schema,
    to_row,
)
from schema.filtered import search_filtered, words_filtered
from schema.filters import Filter, passes, push_down
from schema.index import DEFAULT_PROFILE, MAX_LIMIT, PROFILES, check_page, find_profile
from schema.lite import drop_indexes
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

log = logging.getLogger(__name__)

ROWS_PER_CALL = 500
"""Bounds one message: 500 rows of 1,024 dimensions and the longest texts stay below 16 MB, a
quarter of what a Milvus server accepts."""


class _Reopened(Exception):
    """Another process that had the store open has ended in the middle of an iteration."""


class MilvusStore:
    """A `schema.store.Store` over pymilvus. Safe to read from many threads; write from one.

    Reads see this store's own writes. `close` waits until the written rows are visible to every
    later reader of the server.
    """

    def __init__(self, connection: Connection, collection: Collection, *, bm25: bool) -> None:
        """Use ``open`` or ``create``.

        Args:
            bm25: Whether the collection has the field that BM25 needs. A collection that an older
                server made has not, whatever the server can by now.
        """
        self.connection = connection
        self.collection = collection
        self.can_match_words = bm25 and connection.capabilities.bm25
        self._profile = PROFILES[collection.index]
        # What a read must ask for to see this store's writes: an upsert's timestamp is enough for
        # Session, but a Milvus 2.3 server does not report the timestamp of a delete.
        self._wrote = self._deleted = False
        connection.on_reopened = self._prepare

    @classmethod
    def open(cls, connection: Connection, archive: str) -> Self:
        """Open an archive's collection and load it for searching.

        Raises:
            ArchiveMissing: The store has no such archive; the message names those it has.
            ArchiveMismatch: The collection was not made by Eidetic, or by another version of it.
        """
        check_archive_name(archive)
        doing = f"open archive {archive!r}"
        if not connection.call(
            doing, lambda client: client.has_collection(archive, **connection.patience)
        ):
            raise ArchiveMissing(
                f"there is no archive {archive!r} at {connection.uri}"
                f"{known_archives(connection)}; make it with the same options and: "
                f"eidetic --archive {archive} ingest FOLDER"
            )
        facts = connection.call(
            doing, lambda client: client.describe_collection(archive, **connection.patience)
        )
        collection = read_properties(facts["collection_name"], facts["properties"])
        bm25 = any(field["name"] == SPARSE_FIELD for field in facts["fields"])
        store = cls(connection, collection, bm25=bm25)
        store._prepare()
        return store

    @classmethod
    def create(
        cls,
        connection: Connection,
        archive: str,
        *,
        model: str,
        dim: int,
        fingerprint: str,
        index: str = DEFAULT_PROFILE,
    ) -> Self:
        """Make the collection of a new archive for one model's vectors.

        Raises:
            UsageError: The archive's name or the index profile cannot be used.
            StoreError: A collection or an alias of the archive's name exists already.
        """
        check_archive_name(archive)
        profile = find_profile(index, embedded=connection.embedded)
        uid = secrets.token_hex(8)
        collection = Collection(
            name=collection_name(archive, model, uid),
            uid=uid,
            model=model,
            dim=dim,
            fingerprint=fingerprint,
            index=index,
            schema_version=SCHEMA_VERSION,
        )
        bm25 = connection.capabilities.bm25
        indexes = connection.client.prepare_index_params()
        indexes.add_index(
            VECTOR_FIELD,
            index_type=profile.index_type,
            metric_type="COSINE",
            params=dict(profile.build),
        )
        if bm25:
            indexes.add_index(SPARSE_FIELD, index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")

        # Each step asks first, so that all bear being asked again after a lost answer. What a run
        # killed between them leaves is an empty collection that no alias leads to.
        def make(client: Any) -> None:
            patience = connection.patience
            if not client.has_collection(collection.name, **patience):
                client.create_collection(
                    collection.name,
                    schema=milvus_schema(dim, bm25=bm25),
                    index_params=indexes,
                    properties=properties_of(collection),
                    consistency_level="Session",
                    **patience,
                )
            if archive not in client.list_aliases(collection.name, **patience)["aliases"]:
                client.create_alias(collection.name, archive, **patience)
            client.load_collection(collection.name, **patience)

        connection.call(f"create archive {archive!r}", make)
        return cls(connection, collection, bm25=bm25)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def upsert(self, rows: Sequence[Embedded]) -> int:
        cut = 0
        for start in range(0, len(rows), ROWS_PER_CALL):
            chunk = [to_row(row) for row in rows[start : start + ROWS_PER_CALL]]
            self._ask(f"write {len(chunk)} rows", "upsert", data=[row for row, _ in chunk])
            self._wrote = True
            cut += sum(was_cut for _, was_cut in chunk)
        return cut

    def delete(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), ROWS_PER_CALL):
            chunk = list(ids[start : start + ROWS_PER_CALL])
            self._ask(f"delete {len(chunk)} rows", "delete", ids=chunk)
            self._wrote = self._deleted = True

    def get(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return {row["id"]: from_row(row) for row in self._fetch(ids, list(FIELD_NAMES))}

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        rows = self._fetch(ids, ["id", VECTOR_FIELD])
        return {row["id"]: np.asarray(row[VECTOR_FIELD], dtype=np.float32) for row in rows}

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        where: str = "",
        filters: Sequence[Filter] = (),
        offset: int = 0,
    ) -> list[list[Match]]:
        check_page(k, offset)
        if filters:
            return search_filtered(self, queries, k, where=where, filters=filters, offset=offset)
        found = self._read(
            "search",
            "search",
            where=where,
            data=list(np.asarray(queries, dtype=np.float32)),
            anns_field=VECTOR_FIELD,
            limit=k,
            offset=offset,
            filter=where,
            output_fields=list(FIELD_NAMES),
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
            output_fields=list(FIELD_NAMES),
            search_params={"metric_type": "BM25", "params": {}},
        )
        # Milvus Lite calls the score a distance and gives it a minus.
        return [Worded(from_row(hit["entity"]), abs(float(hit["distance"]))) for hit in found]

    def iterate(self, where: str = "", filters: Sequence[Filter] = ()) -> Iterator[ImageRecord]:
        for page in self._pages(push_down(where, filters), list(FIELD_NAMES)):
            yield from (record for record in map(from_row, page) if passes(record, filters))

    def iterate_vectors(self, where: str = "") -> Iterator[tuple[list[str], Vectors]]:
        for page in self._pages(where, ["id", VECTOR_FIELD]):
            vectors = np.array([row[VECTOR_FIELD] for row in page], dtype=np.float32)
            yield [row["id"] for row in page], vectors

    def sample_vectors(self, n: int) -> Vectors:
        total = self.count()
        # Ids are hexadecimal digits of a hash: those below a bound are a share of the rows.
        bound = "g" if total <= n else f"{int(n / total * 16**12):012x}"
        rows = self._read(
            f"read a sample of {n} rows",
            "query",
            filter=f'id < "{bound}"',
            limit=min(2 * n, MAX_LIMIT),
            output_fields=[VECTOR_FIELD],
        )
        vectors = np.array([row[VECTOR_FIELD] for row in rows], dtype=np.float32)
        return vectors.reshape(-1, self.collection.dim)

    def count(self, where: str = "") -> int:
        return self._count(where, self._consistency)

    def _rewrite_doubles(self) -> None:
        """Write rows anew that are there twice.

        Milvus Lite moves rows from its log to a segment. Killed between the two it shows them in
        both, with one sequence number, until it next merges segments; a newer version hides both.
        """
        seen: set[str] = set()
        twice: set[str] = set()
        for page in self._pages("", ["id"]):
            for row in page:
                (twice if row["id"] in seen else seen).add(row["id"])
        ids = sorted(twice)
        for start in range(0, len(ids), ROWS_PER_CALL):
            step = ids[start : start + ROWS_PER_CALL]
            records, vectors = self.get(step), self.vectors(step)
            self.upsert([Embedded(records[row], vectors[row]) for row in step])

    def drop(self) -> None:
        """Delete the archive: its alias, its collection and every row."""
        name = self.collection.name

        def drop(client: Any) -> None:
            patience = self.connection.patience
            for alias in client.list_aliases(name, **patience)["aliases"]:
                client.drop_alias(alias, **patience)
            client.drop_collection(name, **patience)

        self.connection.call("drop the archive", drop)
        self._wrote = self._deleted = False

    def close(self) -> None:
        try:
            if self._wrote and not self.connection.embedded and not self.connection.is_lost:
                # A read at Strong returns once the server has caught up with every write.
                self._count("", "Strong")
        finally:
            self._wrote = self._deleted = False
            self.connection.close()

    @property
    def _consistency(self) -> str:
        if self._deleted:
            return "Strong"
        return "Session" if self._wrote else "Bounded"

    def _count(self, where: str, consistency: str) -> int:
        rows = self._ask(
            "count the rows",
            "query",
            where=where,
            filter=where,
            output_fields=["count(*)"],
            consistency_level=consistency,
        )
        return int(rows[0]["count(*)"])

    def _pages(self, where: str, fields: list[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows in order of their ids; ``fields`` has the id."""
        last = ""
        while True:
            try:
                for page in self._pages_after(last, where, fields):
                    last = page[-1]["id"]
                    yield page
                return
            except _Reopened:
                continue

    def _pages_after(
        self, last: str, where: str, fields: list[str]
    ) -> Iterator[list[dict[str, Any]]]:
        doing, began_with = "read the rows", self.connection.client
        after = f'id > "{last}"'
        pages = self._read(
            doing,
            "query_iterator",
            where=where,
            batch_size=ROWS_PER_BATCH,
            filter=(f"({where}) and " if where else "") + after if last else where,
            output_fields=fields,
        )

        def turn(client: Any) -> list[dict[str, Any]]:
            if client is not began_with:
                raise _Reopened
            return list(pages.next())

        try:
            while page := self.connection.call(doing, turn, where=where):
                yield page
        finally:
            pages.close()

    def _fetch(self, ids: Sequence[str], fields: list[str]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(ids), ROWS_PER_CALL):
            chunk = list(ids[start : start + ROWS_PER_CALL])
            yield from self._read(f"read {len(chunk)} rows", "get", ids=chunk, output_fields=fields)

    def _read(self, doing: str, method: str, *, where: str = "", **what: Any) -> Any:
        consistency = self._consistency
        return self._ask(doing, method, where=where, consistency_level=consistency, **what)

    def _ask(self, doing: str, method: str, *, where: str = "", **what: Any) -> Any:
        """Call a method of the client on this collection."""

        def ask(client: Any) -> Any:
            return getattr(client, method)(self.collection.name, **self.connection.patience, **what)

        return self.connection.call(doing, ask, where=where)

    def _prepare(self) -> None:
        """Load the collection for searching, and mend what a kill left of it."""
        connection, name = self.connection, self.collection.name

        def load(client: Any) -> None:
            client.load_collection(name, **connection.patience)

        try:
            connection.call("load the archive", load)
        except StoreError:
            is_here = connection.embedded and connection.owner is None
            if not is_here or not drop_indexes(Path(connection.uri), name):
                raise
            log.warning("the index of %r cannot be read; it is built anew", name)
            connection.call("load the archive", load)
        if connection.was_killed:
            self._rewrite_doubles()


def _match(hit: Any) -> Match:
    # Rounding in the store can put a cosine a hair outside its bounds.
    score = min(max(float(hit["distance"]), MIN_SCORE), MAX_SCORE)
    return Match(from_row(hit["entity"]), score)
