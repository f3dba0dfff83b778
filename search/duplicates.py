"""Which images of an archive are the same one: copies, other sizes, other formats, light edits.

Two images are near-identical where their perceptual hashes differ in `HASH_BITS` bits at most and
their vectors agree. The hashes choose who is compared (`search.near_hashes`), so that no pass over
all pairs is made and only vectors of images in company are read; rows without a hash ask the
vector index instead. Equal bytes are always the same image.

Every member of a group is near-identical to the group's first image, the one to keep. Groups are
not closed transitively: a chain of small differences would string unlike images together, and
whoever drops all but the first could lose one that the first does not stand for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from schema.errors import UsageError
from schema.filters import Filter
from schema.records import MAX_SCORE, MIN_SCORE, ImageRecord, Match, View
from schema.store import Store
from search.near_hashes import NearHashes
from search.quality import Quality, quality

DUPLICATE_THRESHOLD = 0.9

HASH_BITS = 10
"""Of 64. Among 875 photographs no two are nearer than 12; docs/tidying.md has the distances of
copies."""

UNHASHED_THRESHOLD = 0.98
"""The least score of a row without a hash, which the vector alone must tell."""

NEIGHBOURS = 32
"""Rows looked at in the index around a row without a hash."""

QUERIES_PER_CALL = 16
ROWS_AT_ONCE = 500
GROUPS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class _Image:
    """One content: the best of the rows that hold it, and the ids of the others."""

    id: str
    file: tuple[str, str]
    view: View
    phash: int | None
    quality: Quality
    copies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Ids of rows and their scores, the best first."""

    ids: tuple[str, ...]
    scores: tuple[float, ...]


def find_duplicates(
    store: Store,
    *,
    threshold: float = DUPLICATE_THRESHOLD,
    where: str = "",
    filters: Sequence[Filter] = (),
) -> Iterator[tuple[Match, ...]]:
    """Yield groups of near-identical images: first the best, see `search.quality`.

    The others follow by their score, the cosine similarity to the first. Rows of one file, such as
    the frames of a video, are never in one group, nor are rows of different views.

    Args:
        threshold: The least score of images that are not the same bytes.
        where: A Milvus boolean expression; only rows for which it holds are compared.
        filters: What the rows must fulfil besides.

    Raises:
        UsageError: The threshold is no cosine, or the expression cannot be used.
        StoreError: The store does not answer, or answers with an error.
    """
    if not MIN_SCORE <= threshold <= MAX_SCORE:
        raise UsageError(
            f"threshold {threshold:g}: a score is from -1 to 1; near-identical images have "
            f"{DUPLICATE_THRESHOLD} and more"
        )
    images = _contents(store.iterate(where, filters))
    with TemporaryDirectory(prefix="eidetic-") as folder:
        comparison = _Comparison(images, store, threshold, where, filters, Path(folder))
        found = comparison.groups()
        while groups := list(islice(found, GROUPS_AT_ONCE)):
            records = store.get([row for group in groups for row in group.ids])
            for group in groups:
                matches = tuple(
                    Match(records[row], score)
                    for row, score in zip(group.ids, group.scores, strict=True)
                    # A row may be deleted meanwhile.
                    if row in records
                )
                if len(matches) > 1:
                    yield matches


def _contents(records: Iterator[ImageRecord]) -> list[_Image]:
    """Return one image for each content, the best first."""
    by_content: dict[tuple[str, View, int], list[_Image]] = {}
    for record in records:
        row = _Image(
            record.id, (record.root, record.path), record.view, record.phash, quality(record), ()
        )
        by_content.setdefault((record.content, record.view, record.offset_ms), []).append(row)
    images = []
    for rows in by_content.values():
        best, *others = sorted(rows, key=lambda row: row.quality)
        copies = tuple(row.id for row in others)
        images.append(
            _Image(best.id, best.file, best.view, best.phash, best.quality, copies)
            if copies
            else best
        )
    return sorted(images, key=lambda image: image.quality)


class _Comparison:
    """The images of an archive, in the order of their quality, compared with each other."""

    def __init__(
        self,
        images: list[_Image],
        store: Store,
        threshold: float,
        where: str,
        filters: Sequence[Filter],
        folder: Path,
    ) -> None:
        self._images = images
        self._threshold = threshold
        self._hashed = np.array(
            [n for n, image in enumerate(images) if image.phash is not None], dtype=np.intp
        )
        # Where an image stands among those with a hash.
        self._hash_of = dict(zip(self._hashed.tolist(), range(len(self._hashed)), strict=True))
        self._near = NearHashes(
            np.array([images[n].phash for n in self._hashed], dtype=np.int64), HASH_BITS
        )
        self._found: dict[int, set[int]] = {}
        self._ask_index(store, where, filters)
        company = set(self._hashed[self._near.with_company()].tolist()) | set(self._found)
        self._vectors = _Vectors([images[n].id for n in sorted(company)], store, folder)
        self._company = company

    def groups(self) -> Iterator[_Group]:
        """Yield the groups that have more than one row."""
        taken = np.zeros(len(self._images), dtype=bool)
        for n, image in enumerate(self._images):
            if taken[n]:
                continue
            taken[n] = True
            members = self._like(n, taken) if n in self._company else []
            taken[[m for m, _ in members]] = True
            ids = [image.id, *image.copies]
            scores = [MAX_SCORE] * len(ids)
            for m, score in members:
                rows = (self._images[m].id, *self._images[m].copies)
                ids += rows
                scores += [score] * len(rows)
            if len(ids) > 1:
                yield _Group(tuple(ids), tuple(scores))

    def _like(self, first: int, taken: NDArray[np.bool_]) -> list[tuple[int, float]]:
        """Return the images near-identical to one that are not taken, and scores, best first."""
        own = self._images[first]
        near = self._found.get(first, set())
        least = dict.fromkeys(near, max(self._threshold, UNHASHED_THRESHOLD))
        if first in self._hash_of:
            hashed = self._hashed[self._near.of(self._hash_of[first])].tolist()
            least |= dict.fromkeys(hashed, self._threshold)
        candidates = [n for n in least if not taken[n] and self._images[n].view == own.view]
        if not candidates:
            return []
        scores = self._vectors.cosines(own.id, [self._images[n].id for n in candidates])
        ranked = sorted(zip(candidates, scores, strict=True), key=lambda each: (-each[1], each[0]))
        files = {own.file}
        like = []
        for n, score in ranked:
            if score >= least[n] and self._images[n].file not in files:
                files.add(self._images[n].file)
                like.append((n, score))
        return like

    def _ask_index(self, store: Store, where: str, filters: Sequence[Filter]) -> None:
        """Find the neighbours of images without a hash."""
        unhashed = [n for n, image in enumerate(self._images) if image.phash is None]
        if not unhashed:
            return
        place = {image.id: n for n, image in enumerate(self._images)}
        least = max(self._threshold, UNHASHED_THRESHOLD)
        for start in range(0, len(unhashed), QUERIES_PER_CALL):
            some = unhashed[start : start + QUERIES_PER_CALL]
            vectors = store.vectors([self._images[n].id for n in some])
            asked = [n for n in some if self._images[n].id in vectors]
            if not asked:
                continue
            queries = np.stack([vectors[self._images[n].id] for n in asked])
            found = store.search(queries, NEIGHBOURS, where=where, filters=filters)
            for n, matches in zip(asked, found, strict=True):
                for match in matches:
                    other = place.get(match.record.id, n)
                    if other != n and match.score >= least:
                        self._found.setdefault(n, set()).add(other)
                        self._found.setdefault(other, set()).add(n)


class _Vectors:
    """The vectors of some rows in a temporary file: memory holds those in use only."""

    def __init__(self, ids: Sequence[str], store: Store, folder: Path) -> None:
        self._place: dict[str, int] = {}
        self._dim = store.collection.dim
        self._file = folder / "vectors"
        if not ids:
            return
        held = np.memmap(self._file, np.float32, "w+", shape=(len(ids), self._dim))
        for start in range(0, len(ids), ROWS_AT_ONCE):
            for row, vector in store.vectors(ids[start : start + ROWS_AT_ONCE]).items():
                held[len(self._place)] = vector
                self._place[row] = len(self._place)
        held.flush()
        self._held = held

    def cosines(self, first: str, others: Sequence[str]) -> list[float]:
        """Return the cosine of one row with each of others; -inf where a row is gone."""
        if first not in self._place:
            return [float("-inf")] * len(others)
        there = [n for n, row in enumerate(others) if row in self._place]
        scores = np.full(len(others), float("-inf"))
        own = self._held[self._place[first]]
        for start in range(0, len(there), ROWS_AT_ONCE):
            some = there[start : start + ROWS_AT_ONCE]
            vectors = self._held[[self._place[others[n]] for n in some]]
            scores[some] = np.clip(vectors @ own, MIN_SCORE, MAX_SCORE)
        return [float(score) for score in scores]
