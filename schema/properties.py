"""What a Milvus collection is called, and what it says of itself in its properties."""

import re

from schema.errors import ArchiveMismatch, StoreError
from schema.fields import SCHEMA_VERSION
from schema.index import PROFILES
from schema.store import Collection

_PROPERTY = "eidetic."


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
