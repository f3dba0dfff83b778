"""What any collection of an archive in Milvus has: facts of its own, vectors by id, own reads."""

import logging
import re
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schema.closing import Closing
from schema.connection import Connection
from schema.errors import ArchiveMismatch, StoreError
from schema.fields import SPARSE_FIELD, VECTOR_FIELD
from schema.index import MAX_LIMIT, PROFILES, find_profile
from schema.lite import drop_indexes
from schema.loading import load
from schema.precision import from_stored, stack
from schema.records import Vector, Vectors
from schema.store import ROWS_PER_BATCH, Collection

if TYPE_CHECKING:
    from pymilvus import CollectionSchema

log = logging.getLogger(__name__)

ROWS_PER_CALL = 500
"""Bounds one message: 500 rows of 1,024 dimensions and the longest texts stay below 16 MB, a
quarter of what a Milvus server accepts."""

COUNT_KEPT_S = 1.0
"""A query counts the rows for its answer and for its line between likely and weak; reads of others
may be older on a server, which shows new rows to readers after some seconds at most."""

_PROPERTY = "eidetic."


class _Reopened(Exception):
    """Another process that had the store open has ended in the middle of an iteration."""


class MilvusCollection(Closing):
    """One collection with a primary key ``id`` and a vector, over pymilvus.

    Reads see the writes made through this object. `close` waits until the written rows are visible
    to every later reader of the server.
    """

    def __init__(self, connection: Connection, collection: Collection) -> None:
        self.connection = connection
        self.collection = collection
        self._profile = PROFILES[collection.index]
        # What a read must ask for to see this store's writes: an upsert's timestamp is enough for
        # Session, but a Milvus 2.3 server does not report the timestamp of a delete.
        self._wrote = self._deleted = False
        self._kept_count: tuple[int, float] | None = None
        connection.on_reopened.append(self._prepare)

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows by id; ids that are not there are no error."""
        for start in range(0, len(ids), ROWS_PER_CALL):
            chunk = list(ids[start : start + ROWS_PER_CALL])
            self._ask(f"delete {len(chunk)} rows", "delete", ids=chunk)
            self._wrote = self._deleted = True

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors of the rows that exist, by id: shape (dim,), float32, unit norm."""
        rows = self._fetch(ids, ["id", VECTOR_FIELD])
        return {row["id"]: from_stored(row[VECTOR_FIELD]) for row in rows}

    def iterate_vectors(self, where: str = "") -> Iterator[tuple[list[str], Vectors]]:
        """Yield the matching rows' ids and vectors by the batch: shape (n, dim), float32."""
        for page in self._pages(where, ["id", VECTOR_FIELD]):
            vectors = stack([row[VECTOR_FIELD] for row in page], self.collection.dim)
            yield [row["id"] for row in page], vectors

    def sample_vectors(self, n: int) -> Vectors:
        """Return the vectors of about n rows drawn by chance: shape (rows, dim), float32."""
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
        return stack([row[VECTOR_FIELD] for row in rows], self.collection.dim)

    def count(self, where: str = "") -> int:
        """Return how many rows match.

        How many there are in all is kept for `COUNT_KEPT_S` by who only reads on a server: what
        others write shows after such a moment anyway.
        """
        if where or self._wrote or self.connection.embedded:
            return self._count(where, self._consistency)
        kept = self._kept_count
        if kept is None or time.monotonic() - kept[1] > COUNT_KEPT_S:
            self._kept_count = kept = (self._count("", self._consistency), time.monotonic())
        return kept[0]

    def drop(self) -> None:
        """Delete the collection, its alias and every row."""
        name = self.collection.name

        def drop(client: Any) -> None:
            patience = self.connection.patience
            for alias in client.list_aliases(name, **patience)["aliases"]:
                client.drop_alias(alias, **patience)
            client.drop_collection(name, **patience)

        self.connection.on_reopened.remove(self._prepare)
        self.connection.call(f"drop the collection {name!r}", drop)
        self._wrote = self._deleted = False

    def settle(self) -> None:
        """Wait until what was written is visible to every later reader."""
        try:
            if self._wrote and not self.connection.embedded and not self.connection.is_lost:
                # A read at Strong returns once the server has caught up with every write.
                self._count("", "Strong")
        finally:
            self._wrote = self._deleted = False
            self._kept_count = None

    def close(self) -> None:
        """Settle, and close the connection; calling it twice is no error."""
        try:
            self.settle()
        finally:
            self.connection.close()

    def _prepare(self) -> None:
        """Load the collection for searching, and mend what a kill left of it."""
        connection, name = self.connection, self.collection.name

        try:
            load(connection, name)
        except StoreError:
            is_here = connection.embedded and connection.owner is None
            if not is_here or not drop_indexes(Path(connection.uri), name):
                raise
            log.warning("the index of %r cannot be read; it is built anew", name)
            load(connection, name)
        if connection.was_killed:
            self._mend_doubles(self._find_doubles())

    @abstractmethod
    def _mend_doubles(self, ids: list[str]) -> None:
        """See to it that rows which are there twice are there once at most."""

    def _find_doubles(self) -> list[str]:
        """Return the ids of rows that are there twice, sorted.

        Milvus Lite moves rows from its log to a segment. Killed between the two it shows them in
        both, with one sequence number, until it next merges segments; a newer version hides both.
        """
        seen: set[str] = set()
        twice: set[str] = set()
        for page in self._pages("", ["id"]):
            for row in page:
                (twice if row["id"] in seen else seen).add(row["id"])
        return sorted(twice)

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
        pages = self._read(
            doing,
            "query_iterator",
            where=where,
            batch_size=ROWS_PER_BATCH,
            filter=_all_of(where, f'id > "{last}"') if last else where,
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


def _all_of(*conditions: str) -> str:
    return " and ".join(f"({condition})" for condition in conditions if condition)


def name_collection(alias: str, model: str, version: int, uid: str) -> str:
    """Name archive, model and schema version for people; the uid tells namesakes apart."""
    spelled = re.sub(r"[^a-z0-9]+", "_", model.lower())[-80:].strip("_")
    return f"{alias}__{spelled}_v{version}_{uid}"


def create_collection(
    connection: Connection,
    alias: str,
    collection: Collection,
    schema: "CollectionSchema",
    *,
    has_words: bool = False,
) -> None:
    """Make a collection behind an alias, and load it.

    Args:
        has_words: Whether the schema has the sparse field of BM25.

    Raises:
        UsageError: The index profile cannot be used.
        StoreError: A collection or an alias of that name exists already.
    """
    profile = find_profile(collection.index, embedded=connection.embedded)
    indexes = connection.client.prepare_index_params()
    indexes.add_index(
        VECTOR_FIELD,
        index_type=profile.index_type,
        metric_type="COSINE",
        params=dict(profile.build),
    )
    if has_words:
        indexes.add_index(SPARSE_FIELD, index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")

    # Each step asks first, so that all bear being asked again after a lost answer. What a run
    # killed between them leaves is an empty collection that no alias leads to.
    def make(client: Any) -> None:
        patience = connection.patience
        if not client.has_collection(collection.name, **patience):
            client.create_collection(
                collection.name,
                schema=schema,
                index_params=indexes,
                properties=_properties(collection),
                consistency_level="Session",
                **patience,
            )
        if alias not in client.list_aliases(collection.name, **patience)["aliases"]:
            client.create_alias(collection.name, alias, **patience)
        if connection.replicas:
            # It was loaded once when it was made, and a number is changed by releasing only.
            client.release_collection(collection.name, **patience)

    connection.call(f"create {alias!r}", make)
    load(connection, collection.name)


def find_collection(
    connection: Connection, alias: str, *, version: int | None, update: str = ""
) -> Collection | None:
    """Return what the collection behind an alias says of itself; ``None`` without one.

    Args:
        version: The version of the fields that it must have; ``None`` for any.
        update: The command that makes one of this version of an older one, if there is any.

    Raises:
        ArchiveMismatch: It was not made by Eidetic, or by another version of it.
    """
    doing, patience = f"open {alias!r}", connection.patience
    if not connection.call(doing, lambda client: client.has_collection(alias, **patience)):
        return None
    facts = connection.call(doing, lambda client: client.describe_collection(alias, **patience))
    found = _read_properties(facts["collection_name"], facts["properties"])
    if version is not None and found.schema_version != version:
        if update and found.schema_version < version:
            advice = f"bring it up to date with: {update}"
        else:
            advice = (
                "use the Eidetic that made it, or ingest the same folders into another archive "
                "with --archive"
            )
        raise ArchiveMismatch(
            f"the collection {found.name!r} has schema version {found.schema_version}, this "
            f"Eidetic reads version {version}; {advice}"
        )
    return found


def has_field(connection: Connection, collection: Collection, field: str) -> bool:
    """Return whether a collection was made with a field."""
    facts = connection.call(
        f"open {collection.name!r}",
        lambda client: client.describe_collection(collection.name, **connection.patience),
    )
    return any(each["name"] == field for each in facts["fields"])


def _properties(collection: Collection) -> dict[str, str]:
    return {
        f"{_PROPERTY}{key}": str(getattr(collection, key))
        for key in (
            "uid",
            "model",
            "dim",
            "fingerprint",
            "index",
            "schema_version",
            "vectors",
            "neutral",
        )
    }


def _read_properties(name: str, properties: dict[str, str]) -> Collection:
    try:
        collection = Collection(
            name=name,
            uid=properties[f"{_PROPERTY}uid"],
            model=properties[f"{_PROPERTY}model"],
            dim=int(properties[f"{_PROPERTY}dim"]),
            fingerprint=properties[f"{_PROPERTY}fingerprint"],
            index=properties[f"{_PROPERTY}index"],
            schema_version=int(properties[f"{_PROPERTY}schema_version"]),
            # Collections of before there was a choice do not say.
            vectors=properties.get(f"{_PROPERTY}vectors", "float32"),
            neutral=properties.get(f"{_PROPERTY}neutral", ""),
        )
        mean = collection.neutral_mean
        if mean is not None and mean.shape != (collection.dim,):
            raise ValueError(f"{_PROPERTY}neutral")
    except (KeyError, ValueError) as error:
        raise ArchiveMismatch(
            f"the collection {name!r} was not made by Eidetic (no property {error}); choose "
            "another archive name with --archive"
        ) from error
    if collection.index not in PROFILES:
        raise StoreError(f"the collection {name!r} names an unknown index {collection.index!r}")
    return collection
