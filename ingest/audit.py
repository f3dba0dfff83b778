"""Whether files, journal and rows of an archive agree: each side by side, and where they differ.

The three are compared in a temporary SQLite database that vanishes when it is closed: files and
rows are written to it as they stream by, the journal is attached as it is, read-only, and joins
find the differences. So memory stays flat however many there are (SQLite's cache is bounded, what
goes beyond it is on disk), and the journal is neither locked nor changed.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ingest.journal import LAYOUT
from ingest.names import Excluded
from ingest.report import shown_path
from ingest.scopes import Scope, whole_scope
from ingest.walk import FoundFile, walk
from schema.errors import ArchiveError
from schema.records import ImageRecord, Vectors, row_id
from schema.roots import Root

CACHE_KIB = 32 << 10
"""What each of the two databases keeps in memory: the joins of a million rows run from it."""

PER_STEP = 1000

NORM_TOLERANCE = 1e-3
"""float32 keeps a unit vector's norm to about 1e-6; half-precision models reach 1e-4."""

DAMAGE_SHOWN = 5


class Kind(StrEnum):
    """What a file, row or entry can be found wrong with. The values are stable."""

    ROOT_AWAY = "root-away"
    ROOT_UNKNOWN = "root-unknown"
    UNREADABLE = "unreadable"
    JOURNAL = "journal"
    MISSING = "missing"
    STALE = "stale"
    MOVED = "moved"
    ORPHANED = "orphaned"
    DOUBLE = "double"
    UNJOURNALED = "unjournaled"
    ROWLESS = "rowless"
    PARTIAL = "partial"
    BAD_VECTOR = "bad-vector"


@dataclass(frozen=True, slots=True)
class Finding:
    """One file, row or entry that is wrong.

    Attributes:
        root: Id of its root.
        path: Relative to the root; "" for a root as a whole.
        row_id: "" where it has no row.
    """

    root: str
    path: str
    row_id: str


_TABLES = """
CREATE TABLE roots (root TEXT PRIMARY KEY, location TEXT NOT NULL, is_there INTEGER NOT NULL);
CREATE TABLE unseen (root TEXT NOT NULL, path TEXT NOT NULL);
CREATE TABLE files (
    root TEXT NOT NULL, path TEXT NOT NULL, is_readable INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sidecar_ns INTEGER NOT NULL
);
CREATE TABLE rows (
    id TEXT NOT NULL, root TEXT NOT NULL, path TEXT NOT NULL, is_first INTEGER NOT NULL,
    is_own INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    content TEXT NOT NULL
);
CREATE TABLE bad (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE findings (
    kind TEXT NOT NULL, root TEXT NOT NULL, path TEXT NOT NULL, row_id TEXT NOT NULL
);
"""

_NO_ENTRIES = """
CREATE TABLE entries (
    root TEXT, path TEXT, size_bytes INTEGER, mtime_ns INTEGER, sidecar_ns INTEGER,
    state TEXT, row_id TEXT, PRIMARY KEY (root, path)
) WITHOUT ROWID;
"""
_ENTRIES = "CREATE TEMP VIEW entries AS SELECT * FROM journal.entries;"

# Indexes are made when all is in, which sorts once; filling them row by row would not keep up.
_INDEXES = """
CREATE INDEX files_place ON files (root, path);
CREATE INDEX rows_place ON rows (root, path);
CREATE INDEX rows_id ON rows (id);
CREATE INDEX findings_kind ON findings (kind, root, path);
"""

_FILE_OF = "SELECT 1 FROM files f WHERE f.root = {0}.root AND f.path = {0}.path"
_ROW_OF = "SELECT 1 FROM rows r WHERE r.root = {0}.root AND r.path = {0}.path"
_ENTRY_OF = "SELECT 1 FROM entries e WHERE e.root = {0}.root AND e.path = {0}.path"
_IS_UNSEEN = (
    "SELECT 1 FROM unseen u WHERE u.root = {0}.root AND (u.path = '' OR u.path = {0}.path "
    "OR substr({0}.path, 1, length(u.path) + 1) = u.path || '/')"
)
_IN_SIGHT = (
    "SELECT 1 FROM roots o WHERE o.root = {0}.root AND o.is_there "
    "AND NOT EXISTS (" + _IS_UNSEEN + ")"
)

# In this order: a later one may leave out what an earlier one has found.
_COMPARISONS = (
    f"""
    CREATE TEMP TABLE gone AS SELECT id, root, path, size_bytes, mtime_ns FROM rows
    WHERE EXISTS ({_IN_SIGHT.format("rows")}) AND NOT EXISTS ({_FILE_OF.format("rows")})
    """,
    f"""
    CREATE TEMP TABLE new AS SELECT root, path, size_bytes, mtime_ns FROM files
    WHERE NOT EXISTS ({_ROW_OF.format("files")}) AND NOT EXISTS ({_ENTRY_OF.format("files")})
    """,
    "CREATE INDEX temp.new_look ON new (size_bytes, mtime_ns)",
    "CREATE INDEX temp.gone_look ON gone (size_bytes, mtime_ns)",
    """
    INSERT INTO findings SELECT 'moved', root, path, id FROM gone WHERE EXISTS (SELECT 1 FROM new
    WHERE new.size_bytes = gone.size_bytes AND new.mtime_ns = gone.mtime_ns)
    """,
    """
    INSERT INTO findings SELECT 'orphaned', root, path, id FROM gone WHERE NOT EXISTS (SELECT 1
    FROM new WHERE new.size_bytes = gone.size_bytes AND new.mtime_ns = gone.mtime_ns)
    """,
    f"""
    INSERT INTO findings SELECT 'orphaned', root, path, '' FROM entries
    WHERE state = 'skipped' AND NOT EXISTS ({_ROW_OF.format("entries")}) AND (
        (EXISTS ({_IN_SIGHT.format("entries")}) AND NOT EXISTS ({_FILE_OF.format("entries")}))
        OR (root NOT IN (SELECT root FROM roots) AND root NOT IN (SELECT root FROM rows)))
    """,
    """
    INSERT INTO findings SELECT 'missing', root, path, '' FROM new WHERE NOT EXISTS (SELECT 1
    FROM gone WHERE gone.size_bytes = new.size_bytes AND gone.mtime_ns = new.mtime_ns)
    """,
    """
    INSERT INTO findings SELECT 'stale', f.root, f.path, COALESCE(r.id, '')
    FROM files f
    LEFT JOIN rows r ON r.root = f.root AND r.path = f.path AND r.is_own AND r.is_first
    LEFT JOIN entries e ON e.root = f.root AND e.path = f.path
    WHERE f.is_readable AND (
        (r.id IS NOT NULL AND (r.size_bytes, r.mtime_ns) <> (f.size_bytes, f.mtime_ns))
        OR (e.path IS NOT NULL AND (r.id IS NOT NULL OR e.state = 'skipped') AND
            (e.size_bytes, e.mtime_ns, e.sidecar_ns) <> (f.size_bytes, f.mtime_ns, f.sidecar_ns)))
    """,
    "INSERT INTO findings SELECT 'double', root, path, id FROM rows WHERE NOT is_own",
    "INSERT INTO findings SELECT 'bad-vector', root, path, id FROM bad JOIN rows USING (id)",
    f"""
    INSERT INTO findings SELECT 'rowless', root, path, row_id FROM entries
    WHERE state = 'indexed' AND NOT EXISTS ({_ROW_OF.format("entries")})
    """,
    f"""
    INSERT INTO findings SELECT 'unjournaled', root, path, id FROM rows
    WHERE :has_journal AND is_first AND is_own AND root IN (SELECT root FROM roots)
    AND NOT EXISTS ({_ENTRY_OF.format("rows")} AND e.state = 'indexed')
    AND id NOT IN (SELECT id FROM gone)
    """,
    """
    INSERT INTO findings SELECT 'partial', root, path, id FROM rows
    WHERE NOT is_first AND id NOT IN (SELECT id FROM gone) AND NOT EXISTS (SELECT 1 FROM rows first
    WHERE first.root = rows.root AND first.path = rows.path AND first.is_first
    AND first.content = rows.content)
    """,
    """
    INSERT INTO findings SELECT 'root-away', root, location, '' FROM roots WHERE NOT is_there
    """,
    """
    INSERT INTO findings SELECT DISTINCT 'root-unknown', root, '', '' FROM rows
    WHERE root NOT IN (SELECT root FROM roots)
    """,
    "INSERT INTO findings SELECT 'unreadable', root, path, '' FROM unseen",
)


class Audit:
    """Take in the files, the rows and the vectors, `compare` once, then read the findings.

    Close it, or use it in a ``with`` statement.
    """

    def __init__(self, journal: Path, collection_uid: str) -> None:
        """Begin with the journal, which is read as it is and may be missing or damaged.

        Args:
            collection_uid: See `schema.store.Collection`; the journal of another is no use.
        """
        self._db = sqlite3.connect("", isolation_level=None, uri=True)
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        # It is thrown away after every failure, so that nothing need be undone or kept safe.
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.executescript(_TABLES)
        self._damage = self._attach(journal, collection_uid)
        self._db.executescript(_NO_ENTRIES if self._damage else _ENTRIES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(exc, sqlite3.Error):
            raise ArchiveError(
                f"files and rows could not be compared ({exc}); check that the folder for "
                "temporary files has room, or name another in the variable TMPDIR"
            ) from exc

    def close(self) -> None:
        """Drop the temporary database; calling it twice is no error."""
        self._db.close()

    @property
    def journal_damage(self) -> str:
        """Why the journal is no use, "" if it is sound. Without it, its entries count for nothing
        and no row is found to lack one.
        """
        return self._damage

    def take_files(self, roots: Sequence[Root], excluded: Excluded) -> int:
        """Walk the roots that are there, and return how many files were found.

        Args:
            excluded: What the ingests left out, so that it is not missed.
        """
        count = 0
        for root in roots:
            self._db.execute(
                "INSERT INTO roots VALUES (?, ?, ?)", (root.id, root.location, root.is_there)
            )
            if root.is_there:
                # Of what is no folder of this machine only an ingest knows the files.
                scope = whole_scope(root, roots) if root.is_local else None
                if scope is None:
                    self._db.execute("INSERT INTO unseen VALUES (?, '')", (root.id,))
                else:
                    count += self._take_scope(scope, excluded)
        return count

    def take_rows(self, records: Iterable[ImageRecord]) -> int:
        """Take in every row of the store, and return how many there are."""
        return self._fill(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    r.id,
                    r.root,
                    r.path,
                    # A crop is a row of its own.
                    r.is_first or r.view == "crop",
                    r.id == row_id(r.root, r.path, r.view, r.offset_ms),
                    r.size_bytes,
                    r.mtime_ns,
                    r.content,
                )
                for r in records
            ),
        )

    def take_vectors(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Note which rows have a vector that is not of unit norm, or not finite: shape (n, dim)."""
        bad = [(i,) for i, sound in zip(ids, are_sound(vectors), strict=True) if not sound]
        self._db.executemany("INSERT INTO bad VALUES (?)", bad)

    def compare(self) -> None:
        """Find all differences; to be called once, when everything is in."""
        self._db.executescript(_INDEXES)
        for statement in _COMPARISONS:
            self._db.execute(statement, {"has_journal": not self._damage})

    def count_entries(self) -> tuple[int, int]:
        """Return how many files the journal says are indexed, and how many skipped."""
        count = "SELECT COUNT(*) FROM entries WHERE state = ?"
        indexed, skipped = (self._one(count, state) for state in ("indexed", "skipped"))
        return indexed, skipped

    def count(self, kind: Kind, root: str | None = None) -> int:
        """Return how many findings of a kind there are, in one root or in all."""
        return self._one(
            "SELECT COUNT(*) FROM findings WHERE kind = ? AND root = COALESCE(?, root)", kind, root
        )

    def count_rows(self, root: str) -> int:
        """Return how many rows a root has."""
        return self._one("SELECT COUNT(*) FROM rows WHERE root = ?", root)

    def roots_of(self, kind: Kind) -> list[str]:
        """Return the ids of the roots that have findings of a kind, sorted."""
        found = self._db.execute(
            "SELECT DISTINCT root FROM findings WHERE kind = ? ORDER BY root", (kind,)
        )
        return [root for (root,) in found]

    def findings(self, kind: Kind, root: str | None = None) -> Iterator[list[Finding]]:
        """Yield the findings of a kind by the page, in order of root and path."""
        found = self._db.execute(
            "SELECT root, path, row_id FROM findings WHERE kind = ? AND root = COALESCE(?, root) "
            "ORDER BY root, path",
            (kind, root),
        )
        while page := found.fetchmany(PER_STEP):
            yield [Finding(*row) for row in page]

    def first_ids(self, limit: int) -> list[str]:
        """Return the rows of the smallest ids: a sample by chance, because ids are hashes, and the
        same one every time.
        """
        found = self._db.execute("SELECT id FROM rows ORDER BY id LIMIT ?", (limit,))
        return [row for (row,) in found]

    def _take_scope(self, scope: Scope, excluded: Excluded) -> int:
        count = 0
        found = walk(scope, excluded)
        while step := list(islice(found, PER_STEP)):
            files, unseen = [], []
            for item in step:
                path = shown_path(item.path)
                if isinstance(item, FoundFile):
                    facts = (item.size_bytes, item.mtime_ns, item.sidecar_ns)
                    files.append((scope.root.id, path, True, *facts))
                elif item.is_folder:
                    unseen.append((scope.root.id, path))
                else:
                    files.append((scope.root.id, path, False, 0, 0, 0))
            count += self._fill("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)", files)
            self._fill("INSERT INTO unseen VALUES (?, ?)", unseen)
        return count

    def _fill(self, insert: str, values: Iterable[tuple[object, ...]]) -> int:
        values = iter(values)
        count = 0
        while step := list(islice(values, PER_STEP)):
            self._db.execute("BEGIN")
            self._db.executemany(insert, step)
            self._db.execute("COMMIT")
            count += len(step)
        return count

    def _one(self, query: str, *values: object) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    def _attach(self, journal: Path, collection_uid: str) -> str:
        """Attach the journal if it is sound, and return why it is not."""
        if not journal.exists():
            return "it is not there"
        try:
            self._db.execute("ATTACH ? AS journal", (f"{journal.absolute().as_uri()}?mode=ro",))
            self._db.execute(f"PRAGMA journal.cache_size = -{CACHE_KIB}")
            told = self._db.execute(f"PRAGMA journal.integrity_check({DAMAGE_SHOWN})").fetchall()
            if told != [("ok",)]:
                return "; ".join(text for (text,) in told)
            facts = dict(self._db.execute("SELECT key, value FROM journal.facts"))
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise ArchiveError(
                    f"{journal}: another process keeps the journal locked; wait until the ingest "
                    "that is running has ended"
                ) from error
            return str(error)
        except sqlite3.DatabaseError as error:
            return str(error)
        if facts.get("layout") != str(LAYOUT):
            return "another version of Eidetic wrote it"
        if facts.get("collection") != collection_uid:
            return "it speaks of another collection"
        return "" if facts.get("complete") == "1" else "it was not filled to its end"


def are_sound(vectors: Vectors) -> NDArray[np.bool_]:
    """Return which vectors are finite and of unit norm: shape (n, dim) in, (n,) out."""
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    # A comparison with NaN is false.
    sound: NDArray[np.bool_] = np.abs(norms - 1) <= NORM_TOLERANCE
    return sound
