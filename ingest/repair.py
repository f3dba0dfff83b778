"""What of an audit's findings can be mended without a person, and the mending of it.

Nothing is embedded here: rows that are wrong go, with what the journal says of them, so that the
next ingest sees their files as new; what only an ingest or a person can mend is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ingest.audit import Audit, Finding, Kind
from ingest.journal import Journal
from ingest.prune import HANDFUL
from schema.records import first_frame_id, row_id
from schema.store import Store


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done about one kind of finding.

    Attributes:
        count: Rows, entries or files it was done to.
        done: What they are and what became of them, for people.
    """

    kind: str
    count: int
    done: str


def repair(
    audit: Audit, *, store: Store, journal: Journal, allow_mass: bool
) -> tuple[list[Repair], list[str]]:
    """Mend what can be mended.

    More than half of a root's rows, and more than a handful, are not removed as orphaned unless
    ``allow_mass``, as in `ingest.prune`.

    Args:
        audit: Compared, and made of the same store and journal.

    Returns:
        What was done, and one message per root whose rows were kept.
    """
    orphans, refusals = _drop_orphans(audit, store, journal, allow_mass=allow_mass)
    counts = (
        (Kind.JOURNAL, _rebuild(audit, store, journal), "rows were entered in a new journal"),
        (Kind.ORPHANED, orphans, "rows and entries of files that are gone were dropped"),
        (Kind.DOUBLE, _drop_doubles(audit, store, journal), "rows under a wrong id were dropped"),
        (
            Kind.BAD_VECTOR,
            _drop_rows(audit, store, journal, Kind.BAD_VECTOR),
            "rows without a usable vector were dropped; the next ingest embeds their files",
        ),
        (
            Kind.ROWLESS,
            _drop_rows(audit, store, journal, Kind.ROWLESS),
            "entries without a row were dropped; the next ingest embeds their files",
        ),
        (
            Kind.PARTIAL,
            _drop_rows(audit, store, journal, Kind.PARTIAL),
            "frames of videos without their first were dropped; the next ingest completes them",
        ),
        (Kind.UNJOURNALED, _enter(audit, store, journal), "rows were entered in the journal"),
    )
    return [Repair(kind, count, done) for kind, count, done in counts if count], refusals


def _rebuild(audit: Audit, store: Store, journal: Journal) -> int:
    return journal.rebuild(store.iterate()) if audit.journal_damage else 0


def _drop_orphans(
    audit: Audit, store: Store, journal: Journal, *, allow_mass: bool
) -> tuple[int, list[str]]:
    dropped, refusals = 0, []
    for root in audit.roots_of(Kind.ORPHANED):
        lost, total = audit.count(Kind.ORPHANED, root), audit.count_rows(root)
        if not allow_mass and lost > HANDFUL and 2 * lost > total:
            refusals.append(
                f"{lost:,} of the {total:,} rows of root {root} are of files that are gone, more "
                "than half, and were not dropped; mount the disk if it is away, or drop them with "
                "--yes"
            )
            continue
        dropped += _drop_rows(audit, store, journal, Kind.ORPHANED, root)
    return dropped, refusals


def _drop_rows(
    audit: Audit, store: Store, journal: Journal, kind: Kind, root: str | None = None
) -> int:
    """Drop the rows of a kind of finding, if there are, and what the journal says of their files.

    Rows first, as everywhere: a crash in between leaves entries that the next audit finds rowless.
    """
    count = 0
    for page in audit.findings(kind, root):
        if kind is not Kind.ROWLESS:
            store.delete([found.row_id for found in page if found.row_id])
        _forget(journal, page)
        count += len(page)
    return count


def _drop_doubles(audit: Audit, store: Store, journal: Journal) -> int:
    count = 0
    for page in audit.findings(Kind.DOUBLE):
        store.delete([found.row_id for found in page])
        right = {f: (row_id(f.root, f.path), first_frame_id(f.root, f.path)) for f in page}
        own = store.get([each for ids in right.values() for each in ids])
        _forget(journal, [f for f, ids in right.items() if own.keys().isdisjoint(ids)])
        count += len(page)
    return count


def _enter(audit: Audit, store: Store, journal: Journal) -> int:
    count = 0
    for page in audit.findings(Kind.UNJOURNALED):
        # Those dropped meanwhile for another reason are not there.
        count += journal.rebuild(store.get([found.row_id for found in page]).values())
    return count


def _forget(journal: Journal, page: Sequence[Finding]) -> None:
    for root, found in groupby(page, key=lambda finding: finding.root):
        journal.forget(root, [finding.path for finding in found])
