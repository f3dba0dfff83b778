"""The roots of an archive: which there are, where they live by now, and how one is dropped."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from eidetic.opening import Opening
from ingest import IngestInterrupted, Journal, PruneRefused, Scope, plan_scopes
from schema import NoUsableImage, Root, Store, UsageError, load_roots, save_roots
from schema.store import ROWS_PER_BATCH

log = logging.getLogger("eidetic")

SAMPLE = 100
"""Files looked for before a root is moved. Iteration goes by id, which is a hash, so that the first
ones are a fair sample."""

HINT_SAMPLE = 20
"""Files looked for before an ingest says that a new root may be a known one that was moved."""

ENTRIES_PER_STEP = 1000


@dataclass(frozen=True, slots=True)
class RootState:
    """One root.

    Attributes:
        location: Absolute path of its folder; ``None`` for a root that only rows know of, because
            another machine ingested it or the list of roots was lost.
        is_there: Whether the folder can be reached now.
    """

    id: str
    location: str | None
    rows: int
    is_there: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return {
            "id": self.id,
            "location": self.location,
            "rows": self.rows,
            "there": self.is_there,
        }


@dataclass(frozen=True, slots=True)
class Moved:
    """What moving a root did.

    Attributes:
        before: Its location so far, ``None`` if it was not known; ``location`` is the new one.
        sampled: Files of the root that were looked for, of which ``found`` were there.
    """

    id: str
    before: str | None
    location: str
    rows: int
    sampled: int
    found: int

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What dropping a root took away.

    Attributes:
        entries: Files that the journal knew of.
    """

    id: str
    location: str | None
    rows: int
    entries: int

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self)


def list_roots(opening: Opening) -> tuple[RootState, ...]:
    """Return the roots of the list, then those that only rows know of."""
    store = opening.store()
    known = [
        RootState(root.id, root.location, store.count(_rows_of(root.id)), root.is_there)
        for root in load_roots(opening.settings.roots_file)
    ]
    unknown: list[RootState] = []
    while store.count() > sum(root.rows for root in [*known, *unknown]):
        ids = [root.id for root in [*known, *unknown]]
        found = next(store.iterate(" and ".join(f'root != "{i}"' for i in ids)), None)
        if found is None:
            break
        unknown.append(RootState(found.root, None, store.count(_rows_of(found.root)), False))
    return (*known, *unknown)


def find_root(opening: Opening, which: str) -> RootState:
    """See `eidetic.Archive.find_root`."""
    roots = list_roots(opening)
    place = os.path.abspath(Path(which).expanduser())  # noqa: PTH100  # links stay as they are
    for root in roots:
        if root.id == which or (root.location is not None and root.location == place):
            return root
    known = ", ".join(f"{r.id} ({r.location or 'location unknown'})" for r in roots) or "none"
    raise UsageError(f"{which}: the archive has no root of this id or location; it has: {known}")


def move_root(opening: Opening, which: str, folder: str, *, allow_mismatch: bool) -> Moved:
    """See `eidetic.Archive.move_root`."""
    root = find_root(opening, which)
    others = [r for r in load_roots(opening.settings.roots_file) if r.id != root.id]
    location = _check_folder(folder, others)
    found, sampled = _count_found(opening.store(), root.id, location, SAMPLE)
    if 2 * found < sampled and not allow_mismatch:
        raise UsageError(
            f"{location}: only {found} of {sampled} files of the root {root.id} (path and size) "
            "are there, fewer than half, so that it is hardly its new place; give the folder that "
            "holds them, or insist with --yes"
        )
    moved = Root(root.id, location)
    roots = load_roots(opening.settings.roots_file)
    if root.location is None:
        save_roots(opening.settings.roots_file, [*roots, moved])
    else:
        changed = [moved if r.id == root.id else r for r in roots]
        save_roots(opening.settings.roots_file, changed)
    return Moved(root.id, root.location, location, root.rows, sampled, found)


def forget_root(opening: Opening, which: str) -> Forgotten:
    """See `eidetic.Archive.forget_root`."""
    root = find_root(opening, which)
    store = opening.store()
    # Rows first, the list last: whatever interrupts it, doing it again goes on from there.
    rows = 0
    while ids := _first_ids(store, root.id):
        store.delete(ids)
        rows += len(ids)
    with opening.journal() as journal:
        entries = _drop_entries(journal, root.id)
    kept = [r for r in load_roots(opening.settings.roots_file) if r.id != root.id]
    save_roots(opening.settings.roots_file, kept)
    return Forgotten(root.id, root.location, rows, entries)


@contextmanager
def adopting(opening: Opening, scopes: Sequence[Scope]) -> Iterator[None]:
    """Add a run's new roots to the list before it, and take off after it those without a row.

    After a failure of the store or the model all stay, because rows may have been written.
    """
    file, store = opening.settings.roots_file, opening.store()
    known = load_roots(file)
    new = [r for r in dict.fromkeys(scope.root for scope in scopes) if r not in known]
    if not new:
        yield
        return
    _hint_at_moves(store, known, new)
    save_roots(file, [*known, *new])
    try:
        yield
    except (NoUsableImage, IngestInterrupted, PruneRefused):
        _let_go_of_empty(opening, new)
        raise
    _let_go_of_empty(opening, new)


def _check_folder(folder: str, others: Sequence[Root]) -> str:
    """Return the absolute path of a folder that overlaps no other root."""
    (scope, *nested) = plan_scopes([folder], others)
    if scope.only is not None:
        raise UsageError(f"{folder}: a root is a folder, and this is a file; give its folder")
    if scope.root in others:
        raise UsageError(
            f"{folder}: lies in another root, {scope.root.location} ({scope.root.id}), and no file "
            "may belong to two; if that one was made by ingesting the folder at its new place, "
            f"drop it first: eidetic roots forget {scope.root.id}"
        )
    if nested or scope.leave_out:
        inner = ", ".join([*(s.root.location for s in nested), *scope.leave_out])
        raise UsageError(
            f"{folder}: holds other roots ({inner}), and no file may belong to two; drop them "
            "first with: eidetic roots forget PATH"
        )
    return scope.root.location


def _count_found(store: Store, root: str, location: str, sample: int) -> tuple[int, int]:
    """Return how many of a sample of a root's files are at a location, and the sample's size."""
    records = list(islice(store.iterate(_rows_of(root)), sample))
    at = Root(root, location)
    found = sum(_size(at.locate(record.path)) == record.size_bytes for record in records)
    return found, len(records)


def _size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except OSError:
        return None


def _hint_at_moves(store: Store, known: Sequence[Root], new: Sequence[Root]) -> None:
    for away in (root for root in known if not root.is_there):
        for root in new:
            found, sampled = _count_found(store, away.id, root.location, HINT_SAMPLE)
            if sampled and 2 * found >= sampled:
                log.warning(
                    "%s holds the files of %s, a root that is not there; if it was moved, "
                    "interrupt this, so that no second set of rows is made, and say: "
                    "eidetic roots move %s %s",
                    root.location,
                    away.location,
                    away.id,
                    root.location,
                )


def _let_go_of_empty(opening: Opening, new: Sequence[Root]) -> None:
    store, file = opening.store(), opening.settings.roots_file
    empty = [root for root in new if store.count(_rows_of(root.id)) == 0]
    if empty:
        with opening.journal() as journal:
            for root in empty:
                _drop_entries(journal, root.id)
        save_roots(file, [root for root in load_roots(file) if root not in empty])


def _drop_entries(journal: Journal, root: str) -> int:
    """Forget all files of a root, and return how many there were."""
    # A scan that sees nothing: every entry is older.
    gone = journal.gone(root, "", journal.begin_scan())
    count = 0
    while step := [entry.path for entry in islice(gone, ENTRIES_PER_STEP)]:
        journal.forget(root, step)
        count += len(step)
    return count


def _first_ids(store: Store, root: str) -> list[str]:
    return [record.id for record in islice(store.iterate(_rows_of(root)), ROWS_PER_BATCH)]


def _rows_of(root: str) -> str:
    return f'root == "{root}"'
