"""The end of a complete scan: rows whose files are gone leave the store."""

from collections.abc import Iterable
from itertools import chain, islice

from ingest.file_rows import row_ids
from ingest.journal import Journal
from ingest.report import Tally
from ingest.scopes import Scope
from schema.store import Store

HANDFUL = 10
"""So many rows go without asking, however few there are: embedding them again costs a moment."""

ROWS_PER_STEP = 500


def prune(
    scopes: Iterable[Scope],
    number: int,
    *,
    store: Store,
    journal: Journal,
    tally: Tally,
    allow_mass: bool,
) -> list[str]:
    """Remove the rows of files that the scan did not see, root by root.

    More than half of a root's images, and more than a handful, are not removed: most likely its
    disk is not mounted. Images found elsewhere by their content are not missed. A scope of one
    file prunes nothing.

    Args:
        number: Of the scan, which must have covered the scopes to their end.

    Returns:
        One message per root whose rows were kept.
    """
    refusals = []
    for scope in scopes:
        if scope.only is not None:
            continue
        root = scope.root
        lost = sum(journal.count_lost(root.id, part, number) for part in scope.parts)
        total = journal.count_indexed(root.id)
        if not allow_mass and lost > HANDFUL and 2 * lost > total:
            refusals.append(
                f"{scope.location}: {lost:,} of the root's {total:,} indexed images are no longer "
                "there, more than half, and were not removed from the archive; mount the disk if "
                "it is away, or remove them with --yes"
            )
            continue
        gone = chain.from_iterable(journal.gone(root.id, part, number) for part in scope.parts)
        while step := list(islice(gone, ROWS_PER_STEP)):
            indexed = [entry for entry in step if entry.state == "indexed"]
            paths = [entry.path for entry in step]
            if indexed:
                journal.doubt(root.id, paths)
                store.delete(row_ids(store, indexed))
            journal.forget(root.id, paths)
            tally.removed += len(indexed)
    return refusals
