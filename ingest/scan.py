"""The first half of a run: which files must be read, told without opening any.

A scan runs to its end before the first file is read: it costs some 20 microseconds a file, and
afterwards it is known how much there is to do, and what has gone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from ingest.entries import Entry
from ingest.journal import Journal
from ingest.names import Excluded
from ingest.report import Progress, Skip, Tally, shown_path
from ingest.scopes import Scope
from ingest.walk import FoundFile, Unwalkable
from ingest.worklist import WorkItem, Worklist
from schema.errors import SkipReason

FILES_PER_STEP = 1000
"""Bounds one transaction of the journal, and is how often progress is told."""

Walk = Callable[[Scope, Excluded], Iterator[FoundFile | Unwalkable]]
"""Yields what a scope holds, see `ingest.sources.Source.walk`."""

_TRIED_AGAIN = {
    SkipReason.UNREADABLE,
    SkipReason.VANISHED,
    SkipReason.TOO_LARGE,
    SkipReason.MISSING_PLUGIN,
}
"""Skips that a change of permissions, limits or packages can heal without a trace in the file."""


def scan(
    scopes: Iterable[Scope],
    number: int,
    *,
    walk: Walk,
    excluded: Excluded,
    journal: Journal,
    work: Worklist,
    tally: Tally,
    progress: Progress,
) -> None:
    """Count what stays as it is, and add to ``work`` what must be read.

    Whatever could not be looked at keeps its row and is counted as skipped.

    Args:
        number: Of this scan, see `Journal.begin_scan`.
    """
    for scope in scopes:
        found = walk(scope, excluded)
        while step := list(islice(found, FILES_PER_STEP)):
            _sort_out(step, scope, number, journal=journal, work=work, tally=tally)
            tally.scanned += len(step)
            progress.found(tally.scanned)


def only_known(walk: Walk, known: Journal) -> Walk:
    """Return a walk that yields only the files which a journal knows, and folders that cannot be
    read.
    """

    def walk_known(scope: Scope, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
        found = walk(scope, excluded)
        while step := list(islice(found, FILES_PER_STEP)):
            entries = known.find_all(scope.root.id, [shown_path(item.path) for item in step])
            for item in step:
                is_folder = isinstance(item, Unwalkable) and item.is_folder
                if is_folder or shown_path(item.path) in entries:
                    yield item

    return walk_known


def is_unchanged(entry: Entry, file: FoundFile) -> bool:
    """Whether a file is, beyond doubt, what the journal says of it."""
    same = (entry.size_bytes, entry.mtime_ns) == (file.size_bytes, file.mtime_ns)
    # An unknown inode (0) raises no doubt.
    same_inode = entry.inode == file.inode or not (entry.inode and file.inode)
    same_sidecar = entry.sidecar_ns == file.sidecar_ns
    if entry.state == "skipped" and entry.reason in _TRIED_AGAIN:
        return False
    if bool(file.developed) != (entry.reason == SkipReason.DEVELOPED):
        return False
    return same and same_inode and same_sidecar and not entry.is_racy


def _sort_out(
    step: Sequence[FoundFile | Unwalkable],
    scope: Scope,
    number: int,
    *,
    journal: Journal,
    work: Worklist,
    tally: Tally,
) -> None:
    root = scope.root
    seen: list[str] = []
    refused: list[Entry] = []
    known = journal.find_all(root.id, [shown_path(found.path) for found in step])
    for found in step:
        entry = known.get(shown_path(found.path))
        if isinstance(found, Unwalkable):
            tally.skips.append(Skip.of(root.locate(found.path), found.reason, found.detail))
            if found.is_folder:
                journal.mark_below_seen(root.id, shown_path(found.path), number)
            if entry is None or entry.state == "skipped":
                refused.append(_refusal(root.id, found, number))
            elif found.reason is SkipReason.UNREADABLE:
                seen.append(found.path)
            continue
        if entry is None or not is_unchanged(entry, found):
            work.add(WorkItem(root, found))
            continue
        seen.append(found.path)
        if entry.state == "skipped":
            skip = Skip.of(root.locate(found.path), SkipReason(entry.reason), entry.detail)
            tally.skips.append(skip)
        else:
            tally.unchanged += 1
    journal.mark_seen(root.id, seen, number)
    journal.record(refused)


def _refusal(root: str, found: Unwalkable, number: int) -> Entry:
    return Entry(
        root=root,
        path=shown_path(found.path),
        size_bytes=0,
        mtime_ns=0,
        inode=0,
        state="skipped",
        content="",
        row_id="",
        reason=found.reason.value,
        detail=found.detail,
        read_ns=0,
        scan=number,
    )
