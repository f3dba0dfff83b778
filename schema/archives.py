"""Which archives a store has, and what an archive may be called."""

import re

from schema.connection import Connection
from schema.errors import UsageError

ARCHIVE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


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
    # Collections that belong to an archive have names that no archive can have.
    archives = {name.rpartition("__")[0] for name in names if "__" in name}
    return sorted(name for name in archives if ARCHIVE_NAME.fullmatch(name))


def known_archives(connection: Connection) -> str:
    """Return the archives of the connected store for a message, "" where there are none."""
    archives = list_archives(connection)
    return f" (there: {', '.join(archives)})" if archives else ""
