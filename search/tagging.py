"""Labels for the rows of an archive, where a model finds that they fit.

A cosine of an image and a label says little by itself: every image has a level of its own with
texts of all kinds. So an image's cosine with a label is told in standard deviations above its
cosines with `NEUTRAL`, names of things from all walks of life: a z-score, which a label of
whatever frequency, absent ones among them, reaches or does not. Measured against its rivals (the
bare cosine, a z-score over the collection, both) by `scripts/benchmarks/tagging`;
docs/tidying.md has the figures.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embed.encoder import Encoder
from embed.scoring import takes_no_words
from schema.errors import UsageError
from schema.fields import MAX_TAG_BYTES, MAX_TAGS
from schema.filters import Filter
from schema.records import Embedded, ImageRecord, Vectors
from schema.store import Store
from search.labels import (
    DEFAULT_TAG_THRESHOLD,
    DEFAULT_TEMPLATE,
    check_labels,
    check_template,
    fill,
)

_NEUTRAL = """
    person man woman child crowd face dog cat bird horse cow fish insect flower tree forest grass
    field mountain beach sea river lake sky cloud sunset snow rain street road city building house
    room kitchen bedroom garden park car bus train bicycle boat airplane food fruit cake drink
    table chair bed book screen phone computer toy ball clothing hat shoe text sign poster painting
    drawing map tool machine bridge night fire dance music sport football
"""
NEUTRAL = tuple(_NEUTRAL.split())

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class LabelCount:
    """A label, and how many of the rows have it."""

    label: str
    images: int


@dataclass(frozen=True, slots=True)
class Tagging:
    """What became of some rows.

    Attributes:
        rows: Rows that were judged.
        tagged: Those of them that have a label now.
        changed: Those whose labels are others than before, and were written.
        counts: Every label, in the order given.
        dry_run: Whether nothing was written.
    """

    rows: int
    tagged: int
    changed: int
    counts: tuple[LabelCount, ...]
    dry_run: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return {
            "rows": self.rows,
            "tagged": self.tagged,
            "changed": self.changed,
            "dry_run": self.dry_run,
            "labels": [{"label": each.label, "images": each.images} for each in self.counts],
        }


def tag(
    labels: Sequence[str],
    *,
    store: Store,
    encoder: Callable[[], Encoder],
    template: str = DEFAULT_TEMPLATE,
    threshold: float = DEFAULT_TAG_THRESHOLD,
    where: str = "",
    filters: Sequence[Filter] = (),
    dry_run: bool = False,
) -> Tagging:
    """Write into rows which of some labels fit them, in place of the labels they had.

    Keywords of people, vectors and all else of a row stay as they are.

    Args:
        labels: At least one, without duplicates.
        encoder: Called once the labels are known to be sound.
        template: What is said of an image; ``{}`` stands for the label.
        threshold: Standard deviations by which a label must stand out to be given.
        where: A Milvus boolean expression; rows for which it does not hold keep their labels.
        filters: What the rows must fulfil besides.
        dry_run: Whether to say what would be written and write nothing.

    Raises:
        UsageError: The labels, the template or the threshold cannot be used, or the model takes
            images only.
        ModelUnavailable: The model cannot be loaded.
        StoreError: The store does not answer, or answers with an error.
    """
    names = check_labels(labels)
    check_template(template)
    for name in names:
        if len(name.encode()) > MAX_TAG_BYTES:
            raise UsageError(
                f"the label {name!r} has {len(name.encode())} bytes, a row holds labels of "
                f"{MAX_TAG_BYTES}; shorten it"
            )
    if not isfinite(threshold):
        raise UsageError(f"threshold {threshold}: give a number of standard deviations, as in 2.5")
    model = encoder()
    if model.scoring is None:
        raise takes_no_words(model.spec)
    texts = model.encode_texts(fill(template, names))
    neutral = model.encode_texts(fill(template, NEUTRAL))

    def judge(vectors: Vectors) -> list[tuple[str, ...]]:
        return [_best(scores, names, threshold) for scores in standout(vectors, texts, neutral)]

    return _write(judge, names, store, where, filters, dry_run=dry_run)


def untag(
    *, store: Store, where: str = "", filters: Sequence[Filter] = (), dry_run: bool = False
) -> Tagging:
    """Take the labels from rows; arguments and errors are those of `tag`."""

    def judge(vectors: Vectors) -> list[tuple[str, ...]]:
        return [() for _ in vectors]

    return _write(judge, [], store, where, filters, dry_run=dry_run)


def standout(vectors: Vectors, texts: Vectors, neutral: Vectors) -> NDArray[np.float32]:
    """Return by how many standard deviations texts stand out from neutral ones.

    Args:
        vectors: Of images: shape (n, dim), float32, unit norm.
        texts: Shape (m, dim), float32, unit norm; so is ``neutral``.

    Returns:
        Shape (n, m), float32.
    """
    level = vectors @ neutral.T
    spread = np.maximum(level.std(axis=1, keepdims=True), np.finfo(np.float32).eps)
    scores: NDArray[np.float32] = (vectors @ texts.T - level.mean(axis=1, keepdims=True)) / spread
    return scores


def _best(scores: NDArray[np.float32], names: Sequence[str], threshold: float) -> tuple[str, ...]:
    """Return the labels that stand out, the clearest first, as many as a row can hold."""
    ranked = np.argsort(-scores, kind="stable")[:MAX_TAGS]
    return tuple(names[n] for n in ranked if scores[n] >= threshold)


@dataclass(slots=True)
class _Tally:
    """What is known so far; ``changes`` are the new labels of rows that have others."""

    rows: int = 0
    tagged: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    changes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _write(
    judge: Callable[[Vectors], list[tuple[str, ...]]],
    names: Sequence[str],
    store: Store,
    where: str,
    filters: Sequence[Filter],
    *,
    dry_run: bool,
) -> Tagging:
    tally = _Tally()
    for records, vectors in _with_vectors(store, where, filters):
        for record, labels in zip(records, judge(vectors), strict=True):
            tally.rows += 1
            tally.tagged += bool(labels)
            tally.counts.update(labels)
            if labels != record.labels:
                tally.changes[record.id] = labels
    if not dry_run:
        _apply(tally.changes, store)
    return Tagging(
        tally.rows,
        tally.tagged,
        len(tally.changes),
        tuple(LabelCount(name, tally.counts[name]) for name in names),
        dry_run,
    )


def _with_vectors(
    store: Store, where: str, filters: Sequence[Filter]
) -> Iterator[tuple[list[ImageRecord], Vectors]]:
    rows = store.iterate(where, filters)
    while records := list(islice(rows, ROWS_AT_ONCE)):
        vectors = store.vectors([record.id for record in records])
        # A row may be deleted between the two reads.
        there = [record for record in records if record.id in vectors]
        if there:
            yield there, np.stack([vectors[record.id] for record in there])


def _apply(changes: Mapping[str, tuple[str, ...]], store: Store) -> None:
    """Write labels into rows as they are at this moment, after all have been read."""
    ids = list(changes)
    for start in range(0, len(ids), ROWS_AT_ONCE):
        some = ids[start : start + ROWS_AT_ONCE]
        records, vectors = store.get(some), store.vectors(some)
        store.upsert(
            [
                Embedded(replace(records[row], labels=changes[row]), vectors[row])
                for row in some
                if row in records and row in vectors
            ]
        )
