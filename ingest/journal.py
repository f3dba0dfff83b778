"""What an archive knows of every file it has seen, in a SQLite file beside the archive.

The rows are truth. The journal makes a scan of unchanged files cheap and accounts for every file:
indexed, or skipped and why. Rows are entered only after the store has acknowledged them, so that
a crash can lose entries (their files are then looked at again, under the same row ids) but never
claim a row that is not there. A lost, damaged or foreign journal starts afresh and is rebuilt from
the rows.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np

from ingest.entries import Entry
from ingest.journal_file import cannot_use, is_damage, remove_journal
from schema.closing import Closing
from schema.records import ImageRecord, Vector

log = logging.getLogger(__name__)

LAYOUT = 3
"""Version of the tables, raised also when more formats are read: a journal of another layout is
rebuilt, and files skipped for their format are tried again."""

BUSY_TIMEOUT_S = 30.0
ROWS_PER_TRANSACTION = 1000

_TABLES = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    root TEXT NOT NULL, path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    state TEXT NOT NULL, content TEXT NOT NULL, row_id TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL,
    read_ns INTEGER NOT NULL, scan INTEGER NOT NULL, sidecar_ns INTEGER NOT NULL,
    PRIMARY KEY (root, path)
) WITHOUT ROWID;
CREATE INDEX entries_content ON entries (content) WHERE state = 'indexed';
CREATE TABLE vectors (content TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
"""


_COLUMNS = ", ".join(field.name for field in fields(Entry))
_RECORD = (
    f"INSERT OR REPLACE INTO entries ({_COLUMNS}) VALUES ({', '.join('?' * len(fields(Entry)))})"
)
# Ranges over (root, path): a path and everything below it; "0" is the character after "/".
_BELOW = (
    "root = :root AND (:sub = '' OR path = :sub OR (path > :sub || '/' AND path < :sub || '0'))"
)


class Journal(Closing):
    """The open journal of one collection. Safe to use from many threads.

    Attributes:
        needs_rebuild: Whether it is new, and `rebuild` has not run to its end.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path, collection_uid: str) -> Self:
        """Open the journal of a collection, or start a new one in its place.

        Args:
            collection_uid: See `schema.store.Collection`. The journal of another collection speaks
                of rows that are not there, and is replaced.

        Raises:
            ArchiveError: The file cannot be opened or written, or another process keeps it locked.
        """
        journal = cls._connect(path)
        try:
            fits = journal._belongs_to(collection_uid)
        except sqlite3.DatabaseError as error:
            journal.close()
            if not is_damage(error):
                raise cannot_use(path, error) from error
            log.warning("%s: damaged (%s); rebuilding it from the rows", path, error)
            fits = False
        except BaseException:
            journal.close()
            raise
        if fits:
            return journal
        journal.close()
        remove_journal(path)
        journal = cls._connect(path)
        with journal._transaction():
            # Not executescript: that would commit what has not been written in full.
            for statement in filter(str.strip, _TABLES.split(";")):
                journal._connection.execute(statement)
            journal._set("layout", str(LAYOUT))
            journal._set("collection", collection_uid)
            journal._set("scan", "0")
        return journal

    @classmethod
    def _connect(cls, path: Path) -> Self:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        except (sqlite3.Error, OSError) as error:
            raise cannot_use(path, error) from error
        return cls(connection, str(path))

    def close(self) -> None:
        """Close the file; calling it twice is no error."""
        self._connection.close()

    def rehearse(self) -> "Journal":
        """Return a copy in a temporary file that takes changes and vanishes when closed."""
        with self._lock, self._errors():
            copy = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._connection.backup(copy)
        return Journal(copy, self._path)

    @property
    def needs_rebuild(self) -> bool:
        with self._errors():
            return self._get("complete") != "1"

    def rebuild(self, records: Iterable[ImageRecord]) -> int:
        """Enter the files of all rows, and return how many; nothing is read from the files."""
        count = self.enter(records)
        with self._transaction():
            self._set("complete", "1")
        return count

    def enter(self, records: Iterable[ImageRecord]) -> int:
        """Enter the files of some rows, as `rebuild` does."""
        rows = (record for record in records if record.is_first)
        count = 0
        while page := list(islice(rows, ROWS_PER_TRANSACTION)):
            self.record([Entry.of(record) for record in page])
            count += len(page)
        return count

    @property
    def scan_number(self) -> int:
        """Number of the scan that began last; 0 before the first."""
        with self._errors():
            return int(self._get("scan") or 0)

    def note(self, key: str, value: str) -> None:
        """Keep one fact about a source, in place of an older one of the same key."""
        with self._transaction():
            self._set(f"noted:{key}", value)

    def noted(self, key: str) -> str:
        """Return what `note` kept, "" for nothing."""
        with self._errors():
            return self._get(f"noted:{key}") or ""

    def begin_scan(self) -> int:
        """Return the number of a new scan, greater than all before it."""
        with self._transaction():
            number = int(self._get("scan") or 0) + 1
            self._set("scan", str(number))
        return number

    def known(self, root: str) -> Iterator[Entry]:
        """Yield all files of a root in order of their paths; entries may change meanwhile."""
        after = ""
        while page := self._select(
            "WHERE root = ? AND path > ? ORDER BY path LIMIT ?",
            (root, after, ROWS_PER_TRANSACTION),
        ):
            yield from page
            after = page[-1].path

    def find(self, root: str, path: str) -> Entry | None:
        """Return what is known of a file."""
        found = self._select("WHERE root = ? AND path = ?", (root, path))
        return found[0] if found else None

    def find_all(self, root: str, paths: Sequence[str]) -> dict[str, Entry]:
        """Return what is known of files of one root, by path; some thousand at most at a time."""
        marks = ", ".join("?" * len(paths))
        found = self._select(f"WHERE root = ? AND path IN ({marks})", (root, *paths))
        return {entry.path: entry for entry in found}

    def find_content(self, content: str) -> Entry | None:
        """Return an indexed file of the same bytes."""
        found = self._select("WHERE content = ? AND state = 'indexed' LIMIT 1", (content,))
        return found[0] if found else None

    def rows_of(self, contents: Sequence[str]) -> dict[str, str]:
        """Return the ids of rows of some contents, one for each that is known, to the content."""
        marks = ", ".join("?" * len(contents))
        with self._lock, self._errors():
            found = self._connection.execute(
                "SELECT MIN(row_id), content FROM entries WHERE state = 'indexed' "
                f"AND content IN ({marks}) GROUP BY content",
                contents,
            )
            return dict(found.fetchall())

    def record(self, entries: Sequence[Entry]) -> None:
        """Enter files in place of what was known of them, all or none, and let go of the vectors
        that were kept for them.
        """
        with self._transaction():
            self._connection.executemany(_RECORD, [astuple(entry) for entry in entries])
            self._connection.executemany(
                "DELETE FROM vectors WHERE content = ?",
                [(entry.content,) for entry in entries if entry.state == "indexed"],
            )

    def hand_over(self, collection_uid: str) -> None:
        """Speak of another collection from now on, which has taken over all rows of this one."""
        with self._transaction():
            self._set("collection", collection_uid)

    def keep_vectors(self, vectors: Mapping[str, Vector]) -> None:
        """Keep vectors by content until rows that hold them are recorded: a crash in between, or
        a store that fails, then costs no second embedding.
        """
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                [(content, vector.tobytes()) for content, vector in vectors.items()],
            )

    def kept_vectors(self, contents: Sequence[str]) -> dict[str, Vector]:
        """Return those of some contents' vectors that were kept: shape (dim,), float32."""
        marks = ", ".join("?" * len(contents))
        with self._lock, self._errors():
            found = self._connection.execute(
                f"SELECT content, vector FROM vectors WHERE content IN ({marks})", contents
            ).fetchall()
        return {content: np.frombuffer(vector, dtype=np.float32) for content, vector in found}

    def kept_contents(self) -> frozenset[str]:
        """Return the contents whose vectors are kept: a few batches' at most."""
        with self._lock, self._errors():
            found = self._connection.execute("SELECT content FROM vectors").fetchall()
        return frozenset(content for (content,) in found)

    def indexed_contents(self) -> Iterator[str]:
        """Yield the contents that have a row, in order; entries may change meanwhile."""
        after = ""
        while True:
            with self._lock, self._errors():
                page = self._connection.execute(
                    "SELECT DISTINCT content FROM entries WHERE state = 'indexed' "
                    "AND content > ? ORDER BY content LIMIT ?",
                    (after, ROWS_PER_TRANSACTION),
                ).fetchall()
            if not page:
                return
            yield from (content for (content,) in page)
            after = page[-1][0]

    def drop_vectors(self) -> None:
        """Let go of all vectors that were kept, as at the end of a complete run."""
        with self._transaction():
            self._connection.execute("DELETE FROM vectors")

    def mark_seen(self, root: str, paths: Sequence[str], scan: int) -> None:
        """Note that a scan saw files that stay as they are; unknown paths are no error."""
        with self._transaction():
            # The greater number stays, so that a scan running beside this one prunes nothing
            # that this one has seen.
            self._connection.executemany(
                "UPDATE entries SET scan = MAX(scan, ?) WHERE root = ? AND path = ?",
                [(scan, root, path) for path in paths],
            )

    def mark_below_seen(self, root: str, sub: str, scan: int) -> None:
        """Note that nothing can be said of a folder and all below it ("" for the whole root)."""
        with self._transaction():
            self._connection.execute(
                f"UPDATE entries SET scan = MAX(scan, :scan) WHERE {_BELOW}",
                {"scan": scan, "root": root, "sub": sub},
            )

    def gone(self, root: str, sub: str, scan: int) -> Iterator[Entry]:
        """Yield the files of a folder that the scan did not see, in order of their paths.

        Entries may be forgotten meanwhile.
        """
        after = ""
        while page := self._select(
            f"WHERE {_BELOW} AND path > :after AND scan < :scan ORDER BY path LIMIT :limit",
            {
                "root": root,
                "sub": sub,
                "scan": scan,
                "after": after,
                "limit": ROWS_PER_TRANSACTION,
            },
        ):
            yield from page
            after = page[-1].path

    def count_lost(self, root: str, sub: str, scan: int) -> int:
        """Return how many indexed files of a folder the scan found neither there nor elsewhere.

        A file that was moved or renamed is found elsewhere, by its content.
        """
        return self._count(
            f"FROM entries AS old WHERE {_BELOW} AND scan < :scan AND state = 'indexed' "
            "AND NOT EXISTS (SELECT 1 FROM entries AS new WHERE new.content = old.content "
            "AND new.state = 'indexed' AND new.scan >= :scan)",
            {"root": root, "sub": sub, "scan": scan},
        )

    def count_indexed(self, root: str) -> int:
        """Return how many files of a root have a row."""
        return self._count("FROM entries WHERE root = ? AND state = 'indexed'", (root,))

    def count_skipped(self) -> int:
        """Return how many files of the archive were skipped when they were last read."""
        return self._count("FROM entries WHERE state = 'skipped'", ())

    def doubt(self, root: str, paths: Sequence[str]) -> None:
        """Note that the rows of files are about to go: should the files be there again before they
        are forgotten, they are not taken for indexed.
        """
        with self._transaction():
            self._connection.executemany(
                "UPDATE entries SET size_bytes = -1 WHERE root = ? AND path = ?",
                [(root, path) for path in paths],
            )

    def forget(self, root: str, paths: Sequence[str]) -> None:
        """Drop what is known of files."""
        with self._transaction():
            self._connection.executemany(
                "DELETE FROM entries WHERE root = ? AND path = ?", [(root, path) for path in paths]
            )

    def _belongs_to(self, collection_uid: str) -> bool:
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")
        # In WAL mode a crash of the process loses nothing; a power cut may lose the last entries,
        # whose files are then looked at again.
        run("PRAGMA synchronous = NORMAL")
        if not run("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone():
            return False
        problem = run("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            log.warning("%s: damaged (%s); rebuilding it from the rows", self._path, problem)
            return False
        return (self._get("layout"), self._get("collection")) == (str(LAYOUT), collection_uid)

    def _get(self, key: str) -> str | None:
        with self._lock:
            found = self._connection.execute(
                "SELECT value FROM facts WHERE key = ?", (key,)
            ).fetchone()
        return found[0] if found else None

    def _set(self, key: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def _select(self, rest: str, values: Sequence[str | int] | dict[str, str | int]) -> list[Entry]:
        with self._lock, self._errors():
            found = self._connection.execute(f"SELECT {_COLUMNS} FROM entries {rest}", values)
            return [Entry(*row) for row in found]

    def _count(self, rest: str, values: Sequence[str] | dict[str, str | int]) -> int:
        with self._lock, self._errors():
            return int(self._connection.execute(f"SELECT COUNT(*) {rest}", values).fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise cannot_use(self._path, error) from error
