"""Which archives a store has, what their collections are called and say of themselves."""

import re

from schema.connection import Connection
from schema.errors import ArchiveMismatch, StoreError, UsageError
from schema.fields import SCHEMA_VERSION
from schema.index import PROFILES
from schema.store import Collection

ARCHIVE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

_PROPERTY = "eidetic."


def check_archive_name(archive: str) -> None:
    """Refuse a name that Milvus could not take for an alias.

    Raises:
        UsageError: The name does not match `ARCHIVE_NAME`.
    """
    if not ARCHIVE_NAME.fullmatch(archive):
        raise UsageError(
            f"archive name {archive!r}: a name starts with a letter and has at most 64 letters, "
            "digits and underscores"
        )


def list_archives(connection: Connection) -> list[str]:
    """Return the names of the archives at the connected store, sorted."""
    names = connection.call(
        "list archives",
        lambda client: client.list_collections(**connection.patience),
    )
    return sorted({name.rpartition("__")[0] for name in names if "__" in name})


def known_archives(connection: Connection) -> str:
    """Return the archives of the connected store for a message, "" where there are none."""
    archives = list_archives(connection)
    return f" (there: {', '.join(archives)})" if archives else ""


def collection_name(archive: str, model: str, uid: str) -> str:
    """Name archive, model and schema version for people; the uid tells namesakes apart."""
    spelled = re.sub(r"[^a-z0-9]+", "_", model.lower())[-80:].strip("_")
    return f"{archive}__{spelled}_v{SCHEMA_VERSION}_{uid}"


def properties_of(collection: Collection) -> dict[str, str]:
    """Return what is stored with a collection."""
    return {
        f"{_PROPERTY}{key}": str(getattr(collection, key))
        for key in ("uid", "model", "dim", "fingerprint", "index", "schema_version")
    }


def read_properties(name: str, properties: dict[str, str]) -> Collection:
    """Return what a collection says of itself.

    Raises:
        ArchiveMismatch: It was not made by Eidetic, or by another version of it.
        StoreError: It names an index that this version does not know.
    """
    try:
        collection = Collection(
            name=name,
            uid=properties[f"{_PROPERTY}uid"],
            model=properties[f"{_PROPERTY}model"],
            dim=int(properties[f"{_PROPERTY}dim"]),
            fingerprint=properties[f"{_PROPERTY}fingerprint"],
            index=properties[f"{_PROPERTY}index"],
            schema_version=int(properties[f"{_PROPERTY}schema_version"]),
        )
    except (KeyError, ValueError) as error:
        raise ArchiveMismatch(
            f"the collection {name!r} was not made by Eidetic (no property {error}); choose "
            "another archive name with --archive"
        ) from error
    if collection.schema_version != SCHEMA_VERSION:
        raise ArchiveMismatch(
            f"the collection {name!r} has schema version {collection.schema_version}, this "
            f"Eidetic reads version {SCHEMA_VERSION}; use the Eidetic that made it, or ingest the "
            "same folders into another archive with --archive"
        )
    if collection.index not in PROFILES:
        raise StoreError(f"the collection {name!r} names an unknown index {collection.index!r}")
    return collection
