"""The vectors of rows' texts: a second collection of an archive, under the ids of its rows.

Milvus has one vector field per collection before 2.4, so that a second space of vectors needs a
collection of its own. It holds ids, digests and vectors alone: what a row is stays with the row.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Self, cast

import numpy as np

from schema.connection import Connection
from schema.fields import VECTOR_FIELD
from schema.index import DEFAULT_PROFILE
from schema.milvus_collection import (
    ROWS_PER_CALL,
    MilvusCollection,
    create_collection,
    find_collection,
    name_collection,
)
from schema.records import MAX_SCORE, MIN_SCORE, Vector, Vectors
from schema.store import Collection

if TYPE_CHECKING:
    from pymilvus import CollectionSchema

DESCRIPTIONS_VERSION = 1
"""Version of the fields."""

DIGEST_FIELD = "digest"


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """The vector of one row's text.

    Attributes:
        id: Of the row.
        digest: Of the text, see `text_digest`.
        vector: Shape (dim,), float32, unit L2 norm.
    """

    id: str
    digest: str
    vector: Vector


def text_digest(text: str) -> str:
    """Return 32 hex digits of blake2b-128 over a row's text."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


class DescriptionStore(MilvusCollection):
    """An archive's descriptions. Shares the connection of the archive's rows: settle it only."""

    @classmethod
    def open(cls, connection: Connection, archive: str) -> Self | None:
        """Open an archive's descriptions; ``None`` where it has none.

        Raises:
            ArchiveMismatch: They were made by another version of Eidetic.
        """
        collection = find_collection(connection, _alias(archive), version=DESCRIPTIONS_VERSION)
        if collection is None:
            return None
        store = cls(connection, collection)
        store._prepare()
        return store

    @classmethod
    def create(
        cls, connection: Connection, archive: str, *, model: str, dim: int, fingerprint: str
    ) -> Self:
        """Make the collection for one model's vectors.

        Raises:
            StoreError: The archive has descriptions already.
        """
        uid = secrets.token_hex(8)
        alias = _alias(archive)
        collection = Collection(
            name=name_collection(alias, model, DESCRIPTIONS_VERSION, uid),
            uid=uid,
            model=model,
            dim=dim,
            fingerprint=fingerprint,
            index=DEFAULT_PROFILE,
            schema_version=DESCRIPTIONS_VERSION,
        )
        create_collection(connection, alias, collection, _schema(dim))
        return cls(connection, collection)

    def upsert(self, rows: Sequence[Description]) -> None:
        """Write descriptions, replacing those of the same id."""
        for start in range(0, len(rows), ROWS_PER_CALL):
            chunk = [
                {"id": row.id, DIGEST_FIELD: row.digest, VECTOR_FIELD: row.vector}
                for row in rows[start : start + ROWS_PER_CALL]
            ]
            self._ask(f"write {len(chunk)} descriptions", "upsert", data=chunk)
            self._wrote = True

    def iterate_digests(self) -> Iterator[tuple[str, str]]:
        """Yield ids and digests of all descriptions, in the order of their ids."""
        for page in self._pages("", ["id", DIGEST_FIELD]):
            yield from ((row["id"], row[DIGEST_FIELD]) for row in page)

    def search(self, queries: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """Return, for each query vector, the ids and scores of the nearest texts, best first.

        Args:
            queries: Shape (n, dim), float32, unit norm.
            k: From 1 to `schema.index.MAX_LIMIT`.
        """
        found = self._read(
            "search the descriptions",
            "search",
            data=list(np.asarray(queries, dtype=np.float32)),
            anns_field=VECTOR_FIELD,
            limit=k,
            output_fields=["id"],
            search_params=self._profile.search_params(k),
        )
        # Rounding in the store can put a cosine a hair outside its bounds.
        return [
            [(hit["id"], min(max(float(hit["distance"]), MIN_SCORE), MAX_SCORE)) for hit in hits]
            for hits in found
        ]

    def _mend_doubles(self, ids: list[str]) -> None:
        """Delete them: the next refresh finds them missing, and makes them again."""
        self.delete(ids)


def _alias(archive: str) -> str:
    """Return a name that no archive can have: theirs begin with a letter."""
    return f"_descriptions_of_{archive}"


def _schema(dim: int) -> "CollectionSchema":
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=40)
    schema.add_field(DIGEST_FIELD, DataType.VARCHAR, max_length=32)
    schema.add_field(VECTOR_FIELD, DataType.FLOAT_VECTOR, dim=dim)
    return cast("CollectionSchema", schema)
