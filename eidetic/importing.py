"""Rows and vectors of a Parquet file become an archive's, under the ids they had."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eidetic.opening import Opening
from ingest import Journal, Progress
from schema import Embedded, MilvusStore, Root, StoreError, UsageError, load_roots, save_roots
from schema.parquet import RowsFile

log = logging.getLogger("eidetic")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. ``rows`` is the sum of ``added``, ``replaced`` and ``unchanged``.

    Attributes:
        rows: Rows of the file.
        replaced: Rows of the same id that said something else before.
        unchanged: Rows that were here already and stay as they are.
        total_rows: Rows of the archive now.
        roots: Ids of roots that the archive had not known.
        away: Locations of roots of the file that are not there on this machine, by id.
    """

    archive: str
    file: str
    model: str
    collection: str
    rows: int
    added: int
    replaced: int
    unchanged: int
    total_rows: int
    roots: tuple[str, ...]
    away: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self) | {"roots": list(self.roots)}


def import_rows(opening: Opening, file: Path, progress: Progress | None) -> Imported:
    """See `eidetic.Archive.import_rows`."""
    with RowsFile.open(file.expanduser()) as source:
        if not source.origin.has_vectors:
            raise UsageError(
                f"{file}: has no vectors, and nothing is embedded here; export it again without "
                "--no-vectors"
            )
        with opening.writing("import") as turn:
            store, is_new = opening.store_for(source.origin.collection)
            try:
                with opening.journal() as journal:
                    run = _Import(opening, store, journal, source)
                    return run.run(turn.beside(progress))
            except UsageError:
                if is_new:
                    # Of a file that turns out damaged nothing is kept, so that a whole copy of it
                    # is not added to half an archive.
                    opening.drop()
                raise


class _Import:
    def __init__(
        self, opening: Opening, store: MilvusStore, journal: Journal, source: RowsFile
    ) -> None:
        self._opening = opening
        self._store = store
        self._journal = journal
        self._source = source
        self._adopting = {root.id: root for root in source.origin.roots}
        self._seen: set[str] = set()
        self._adopted: list[Root] = []
        self._added = self._replaced = self._unchanged = 0

    def run(self, progress: Progress) -> Imported:
        before = self._store.count()
        progress.start(self._source.rows)
        for rows in self._source.batches():
            self._take(rows)
            progress.advance(len(rows))
        self._require_all(before)
        if self._journal.needs_rebuild:
            self._journal.rebuild(self._store.iterate())
        known = {root.id: root for root in load_roots(self._opening.settings.roots_file)}
        return Imported(
            archive=self._opening.settings.archive,
            file=str(self._source.path),
            model=self._store.collection.model,
            collection=self._store.collection.name,
            rows=self._added + self._replaced + self._unchanged,
            added=self._added,
            replaced=self._replaced,
            unchanged=self._unchanged,
            total_rows=self._store.count(),
            roots=tuple(root.id for root in self._adopted),
            away={i: known[i].location for i in sorted(self._seen & set(known)) if _away(known[i])},
        )

    def _take(self, rows: Sequence[Embedded]) -> None:
        """Write what is new or different; roots first, so that every row has its place."""
        self._adopt({row.record.root for row in rows} - self._seen)
        ids = [row.record.id for row in rows]
        records, vectors = self._store.get(ids), self._store.vectors(ids)
        changed = [
            row
            for row in rows
            if records.get(row.record.id) != row.record
            or not np.array_equal(vectors[row.record.id], self._store.as_held(row.vector))
        ]
        self._store.upsert(changed)
        replaced = sum(row.record.id in records for row in changed)
        self._replaced += replaced
        self._added += len(changed) - replaced
        self._unchanged += len(rows) - len(changed)
        if not self._journal.needs_rebuild:
            # As in a rebuilt journal: nothing is known of when the files were read.
            self._journal.enter(row.record for row in changed)

    def _adopt(self, ids: set[str]) -> None:
        """Enter new roots in the list, at the place where the other machine has them."""
        self._seen |= ids
        file = self._opening.settings.roots_file
        known = load_roots(file)
        taken = {root.id for root in known}, {root.location for root in known}
        new = [self._adopting[i] for i in sorted(ids - taken[0]) if i in self._adopting]
        for root in [root for root in new if root.location in taken[1]]:
            log.warning(
                "%s is another root of this archive already, so that the place of the root %s is "
                "left open; say where it lives with: %s roots move %s FOLDER",
                root.location,
                root.id,
                self._opening.settings.command,
                root.id,
            )
            new.remove(root)
        if new:
            save_roots(file, [*known, *new])
            self._adopted += new

    def _require_all(self, before: int) -> None:
        """Compare what was written with the file's footer and with what the store has now.

        Raises:
            StoreError: They differ.
        """
        taken, now = self._added + self._replaced + self._unchanged, self._store.count()
        if taken == self._source.rows and now == before + self._added:
            return
        raise StoreError(
            f"{self._source.path}: of its {self._source.rows:,} rows {taken:,} were read and "
            f"{self._added:,} added to {before:,}, but the store has {now:,}; import it again, "
            f"and look at the archive with: {self._opening.settings.command} doctor"
        )


def _away(root: Root) -> bool:
    return not root.is_there
