"""The file a journal is in: what goes wrong with it, and how one takes the place of another."""

import sqlite3
from contextlib import closing
from pathlib import Path

from schema.errors import ArchiveError


def remove_journal(path: Path) -> None:
    """Delete a journal with its log; none is no error."""
    # The log first: left alone, it would be taken for that of the next file of the name.
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def replace_journal(new: Path, old: Path) -> None:
    """Put a closed journal in the place of another. A kill leaves one of them whole, or none."""
    remove_journal(old)
    new.replace(old)


def collection_of(path: Path) -> str:
    """Return the uid of the collection that a journal speaks of, "" where none can be read."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            found = connection.execute("SELECT value FROM facts WHERE key = 'collection'")
            return str((found.fetchone() or ("",))[0])
    except sqlite3.Error:
        return ""


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether an error says that the file is no journal, or a broken one."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def cannot_use(path: str | Path, error: Exception) -> ArchiveError:
    """Return the error of a journal that cannot be read or written."""
    if _code(error) == sqlite3.SQLITE_FULL:
        return ArchiveError(
            f"{path}: its disk is full; make room there and run the same command again: it goes "
            "on from where it stopped"
        )
    return ArchiveError(
        f"{path}: the archive's journal cannot be used ({error}); check that no other ingest of "
        "this archive is running and that the disk has room. If it is damaged, delete it: the next "
        "ingest rebuilds it from the rows and embeds nothing again"
    )


def _code(error: Exception) -> int:
    # The low byte is the primary code; the rest says more of it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
