"""The rows of two collections of one archive side by side: what one has and the other has not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from eidetic.results import locate
from ingest import Journal
from schema import Embedded, ImageRecord, MilvusStore, Root
from schema.succession import OldRows

ROWS_PER_STEP = 500

LOSSES_NAMED = 1000
"""Rows that are named one by one; beyond, they are counted."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A row that the next collection has not, by the path of its file, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class Settled:
    """How the rows of the next collection stand to those of the one before.

    Attributes:
        rows: How many the next one has.
        before: How many the one before has.
        lost: How many of those the next one has not; ``losses`` names the first.
    """

    rows: int = 0
    before: int = 0
    lost: int = 0
    losses: list[Loss] = field(default_factory=list)


Pair = tuple[ImageRecord | None, ImageRecord | None]


def pairs(before: Iterator[ImageRecord], after: Iterator[ImageRecord]) -> Iterator[Pair]:
    """Yield the rows of two collections, those of one id together. Both come in order of ids."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.id < new.id):
            yield old, None
            old = next(before, None)
        elif old is None or new.id < old.id:
            yield None, new
            new = next(after, None)
        else:
            yield old, new
            old, new = next(before, None), next(after, None)


def copy_rows(old: OldRows, new: MilvusStore) -> tuple[int, int]:
    """Make the next collection the same as the one before, vectors included.

    Only what differs is written, so that a copy that was cut short goes on, and one that was
    overtaken by an ingest catches up.

    Returns:
        How many rows were written, and how many there are.
    """
    both = pairs(old.iterate(), new.iterate())
    written = rows_there = 0
    while step := list(islice(both, ROWS_PER_STEP)):
        rows_there += sum(before is not None for before, _ in step)
        records = [before for before, after in step if before is not None and before != after]
        vectors = old.vectors([record.id for record in records])
        # A row that has gone since is found gone by the next copy.
        rows = [Embedded(r, vectors[r.id]) for r in records if r.id in vectors]
        new.upsert(rows)
        new.delete([after.id for before, after in step if before is None and after is not None])
        written += len(rows)
    return written, rows_there


def settle(
    old: OldRows,
    new: MilvusStore,
    known: Journal,
    journal: Journal,
    roots: Mapping[str, Root],
) -> Settled:
    """Give rows embedded anew what only their old rows know, and drop those without an old file.

    That is the labels, while the content is the same; and files that have left the archive since
    they were embedded.

    Args:
        known: The journal of the collection before; ``journal`` that of the next.
    """
    found = Settled()
    both = pairs(old.iterate(), new.iterate())
    while step := list(islice(both, ROWS_PER_STEP)):
        relabelled: list[ImageRecord] = []
        dropped: list[ImageRecord] = []
        for before, after in step:
            found.before += before is not None
            if after is None:
                if before is not None and not _has_other_frames(before, journal):
                    _lose(found, before, journal, roots)
            elif before is None:
                if known.find(after.root, after.path) is None:
                    dropped.append(after)
            elif before.content == after.content and before.labels != after.labels:
                relabelled.append(replace(after, labels=before.labels))
        found.rows += sum(after is not None for _, after in step) - len(dropped)
        _relabel(new, relabelled)
        _drop(new, journal, dropped)
    return found


def _lose(found: Settled, row: ImageRecord, journal: Journal, roots: Mapping[str, Root]) -> None:
    found.lost += 1
    if len(found.losses) < LOSSES_NAMED:
        root, entry = roots.get(row.root), journal.find(row.root, row.path)
        if entry is not None and entry.detail:
            reason = entry.detail
        elif root is None:
            reason = "its root has no location on this machine"
        else:
            reason = "its file is not there" if root.is_there else "its root is not there"
        found.losses.append(Loss(locate(row, roots), reason))


def _has_other_frames(row: ImageRecord, journal: Journal) -> bool:
    """Whether a row is of a video that is there: which frames look alike is for a model to say."""
    if row.view != "frame" or row.is_first:
        return False
    entry = journal.find(row.root, row.path)
    return entry is not None and entry.state == "indexed"


def _relabel(store: MilvusStore, records: Sequence[ImageRecord]) -> None:
    vectors = store.vectors([record.id for record in records])
    store.upsert([Embedded(record, vectors[record.id]) for record in records])


def _drop(store: MilvusStore, journal: Journal, records: Sequence[ImageRecord]) -> None:
    store.delete([record.id for record in records])
    for record in records:
        journal.forget(record.root, [record.path])
