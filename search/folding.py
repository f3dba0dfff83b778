"""Hits of one burst, or of one image in several versions, folded under the best of them.

A hit is folded under a better one with which it has the same bytes; or nearly the same hash and
vector, as in `search.duplicates`; or that was taken by the same camera within `BURST_MS` and looks
much like it. Everything under a hit is like that hit itself, never only like another one below it;
so what is shown does not depend on how far down the hits are looked at. Moments of one video always
fold under the best of them, whatever they show: a file is shown once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schema.records import ImageRecord, Vector, Vectors
from search.duplicates import DUPLICATE_THRESHOLD, HASH_BITS

BURST_MS = 10_000
"""Cameras fire a burst within a second or three; people press again within ten."""

BURST_SCORE = 0.8
"""The least cosine of images of one burst."""

_BITS = 2**64 - 1


@dataclass(slots=True)
class Fold:
    """Places in the ranking: of a hit that is shown, and of those folded under it."""

    head: int
    folded: list[int]


def fold_videos(records: Sequence[ImageRecord]) -> list[Fold]:
    """Return the hits to show, in their order, with the other moments of a video under its best.

    Args:
        records: In the order of their ranks.
    """
    folds: list[Fold] = []
    videos: dict[tuple[str, str], Fold] = {}
    for place, record in enumerate(records):
        if record.view == "frame" and (video := videos.get((record.root, record.path))):
            video.folded.append(place)
            continue
        folds.append(Fold(place, []))
        if record.view == "frame":
            videos[record.root, record.path] = folds[-1]
    return folds


def fold(records: Sequence[ImageRecord], vectors: Vectors) -> list[Fold]:
    """Return the hits to show, in their order, with those folded under them.

    Args:
        records: In the order of their ranks.
        vectors: Theirs: shape (n, dim), float32, unit norm.
    """
    folds: list[Fold] = []
    heads = np.empty_like(vectors)
    videos: dict[tuple[str, str], Fold] = {}
    for place, record in enumerate(records):
        video = (record.root, record.path) if record.view == "frame" else None
        head = videos.get(video) if video else None
        if head is None:
            scores = heads[: len(folds)] @ vectors[place]
            head = _find_head(record, records, folds, scores)
        if head is None:
            heads[len(folds)] = vectors[place]
            head = Fold(place, [])
            folds.append(head)
        else:
            head.folded.append(place)
        if video:
            videos.setdefault(video, head)
    return folds


def _find_head(
    record: ImageRecord, records: Sequence[ImageRecord], folds: Sequence[Fold], scores: Vector
) -> Fold | None:
    """Return the best of the hits shown so far that a record belongs under."""
    # Nothing is folded below the least of the bounds; equal bytes have equal vectors.
    for place in np.flatnonzero(scores >= BURST_SCORE).tolist():
        head = records[folds[place].head]
        if (
            _same_bytes(head, record)
            or (scores[place] >= DUPLICATE_THRESHOLD and _same_hash(head, record))
            or _one_burst(head, record)
        ):
            return folds[place]
    return None


def _same_bytes(one: ImageRecord, other: ImageRecord) -> bool:
    return (one.content, one.view, one.offset_ms) == (other.content, other.view, other.offset_ms)


def _same_hash(one: ImageRecord, other: ImageRecord) -> bool:
    if one.phash is None or other.phash is None:
        return False
    return ((one.phash ^ other.phash) & _BITS).bit_count() <= HASH_BITS


def _one_burst(one: ImageRecord, other: ImageRecord) -> bool:
    if one.taken_at is None or other.taken_at is None:
        return False
    if "file" in (one.taken_from, other.taken_from):
        # A file's date is often that of a copy, and then the same for a whole folder.
        return False
    return one.camera == other.camera and abs(one.taken_at - other.taken_at) <= BURST_MS
