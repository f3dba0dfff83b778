"""One collection of an archive takes the place of another: which comes next, which was before.

The archive's name is an alias of the collection that serves. A second one is filled behind an alias
of its own; then the archive's alias is moved in one step, and the collection before is kept behind
a third alias until it is dropped. Every step can be done again after a kill.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from schema.connection import Connection
from schema.fields import RECORD_FIELDS, SCHEMA_VERSION, from_row
from schema.milvus_collection import MilvusCollection, find_collection
from schema.milvus_store import MilvusStore
from schema.records import ImageRecord
from schema.store import Collection


class OldRows(MilvusCollection):
    """The rows of a collection of this version or an older one, to read and to drop."""

    def __init__(self, connection: Connection, collection: Collection) -> None:
        super().__init__(connection, collection)
        facts = connection.call(
            f"look at {collection.name!r}",
            lambda client: client.describe_collection(collection.name, **connection.patience),
        )
        has = {field["name"] for field in facts["fields"]}
        self._fields = [name for name in RECORD_FIELDS if name in has]
        self._prepare()

    def iterate(self) -> Iterator[ImageRecord]:
        """Yield every row in the order of their ids, each once."""
        last = ""
        for page in self._pages("", self._fields):
            for row in page:
                if row["id"] != last:
                    yield from_row(row)
                last = row["id"]

    def get(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Return the rows that exist, by id."""
        return {row["id"]: from_row(row) for row in self._fetch(ids, self._fields)}

    def _mend_doubles(self, ids: list[str]) -> None:
        """Leave them: what is read here reads each row once."""


def find_current(connection: Connection, archive: str) -> Collection | None:
    """Return the collection that serves, of whatever version of the fields up to this one.

    Raises:
        ArchiveMismatch: A newer Eidetic made it, or another program.
    """
    found = find_collection(connection, archive, version=None)
    if found is not None and found.schema_version > SCHEMA_VERSION:
        return find_collection(connection, archive, version=SCHEMA_VERSION)
    return found


def find_next(connection: Connection, archive: str) -> Collection | None:
    """Return the collection that is being filled to take over; ``None`` where there is none."""
    return find_collection(connection, _next(archive), version=None)


def find_previous(connection: Connection, archive: str) -> Collection | None:
    """Return the collection that served before the last switch; ``None`` where none is kept."""
    found = find_collection(connection, _previous(archive), version=None)
    current = find_collection(connection, archive, version=None)
    # A switch that was cut short had put its alias already on the one that serves still.
    return None if found is None or (current and current.uid == found.uid) else found


def create_next(
    connection: Connection,
    archive: str,
    *,
    model: str,
    dim: int,
    fingerprint: str,
    index: str,
    vectors: str,
    neutral: str,
) -> MilvusStore:
    """Make the collection that is to take over."""
    return MilvusStore.create(
        connection,
        archive,
        model=model,
        dim=dim,
        fingerprint=fingerprint,
        index=index,
        vectors=vectors,
        neutral=neutral,
        alias=_next(archive),
    )


def switch(connection: Connection, archive: str, before: Collection, after: Collection) -> None:
    """Let the archive's name lead to another collection, in one step, and keep the one before."""

    def ask(client: Any) -> None:
        patience = connection.patience
        if _previous(archive) not in client.list_aliases(before.name, **patience)["aliases"]:
            client.create_alias(before.name, _previous(archive), **patience)
        client.alter_alias(after.name, archive, **patience)

    connection.call(f"switch {archive!r} to {after.name!r}", ask)
    finish_switch(connection, archive, after)


def finish_switch(connection: Connection, archive: str, after: Collection) -> None:
    """Take down the alias behind which the collection was filled that serves now."""

    def ask(client: Any) -> None:
        patience = connection.patience
        if _next(archive) in client.list_aliases(after.name, **patience)["aliases"]:
            client.drop_alias(_next(archive), **patience)

    connection.call(f"finish the switch of {archive!r}", ask)


def _next(archive: str) -> str:
    """Return a name that no archive can have: theirs begin with a letter."""
    return f"_next_of_{archive}"


def _previous(archive: str) -> str:
    return f"_previous_of_{archive}"
