"""How well an archive is found by captions: both ways, with confidence intervals, and how fast."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from embed.encoder import Encoder
from schema.errors import NoUsableImage, UsageError
from schema.records import Vectors
from schema.store import Store
from search.captions import Captioned
from search.confidence import bootstrap
from search.evaluation import Evaluation, Failure, Recall
from search.latency import time_queries
from search.ranking import Ranks, RanksOfTexts, image_ranks, own_scores
from search.recall import ExactNeighbours, of_unit_norm

DEPTHS = (1, 5, 10)
QUERIES_PER_CALL = 64

TIMED_QUERIES = 200
"""Captions, drawn at random, that are asked one by one for latency and the index's recall."""

SEED = 0


def evaluate(
    captioned: Iterable[Captioned], *, store: Store, encoder: Encoder, failures: int = 0
) -> Evaluation:
    """Measure recall of an archive by captions of its images, and the time of single queries.

    Text to image goes the whole way, index included, among all rows of the archive; its MRR is of
    exact ranks among all rows. Its median rank, and image to text, are exact among the captioned
    images. Several rows of one file name are all right answers.

    Memory: the vectors of the captions and of the captioned images, besides blocks of a fixed size.

    Args:
        failures: How many failures to tell at most.

    Raises:
        UsageError: There are no captions, or the model takes images only.
        NoUsableImage: No captioned file is in the archive.
    """
    asked = _Asked.of(captioned, store, encoder)
    own = own_scores(asked.vectors, asked.owner, asked.images)
    best = _best_own(asked, own, store)
    among_captioned, among_all = RanksOfTexts(asked.vectors, own), RanksOfTexts(asked.vectors, best)
    among_captioned.take(asked.images)
    sample = np.random.default_rng(SEED).permutation(len(asked.texts))[:TIMED_QUERIES]
    neighbours = ExactNeighbours(asked.vectors[sample])
    for _, batch in store.iterate_vectors():
        rows = of_unit_norm(batch)
        among_all.take(rows)
        neighbours.take(rows)
    latency, found = time_queries(
        [asked.texts[i] for i in sample],
        asked.vectors[sample],
        max(DEPTHS),
        store=store,
        encoder=encoder,
    )
    by_index, by_image = (
        _ranks_in_index(asked, store),
        image_ranks(asked.vectors, asked.owner, asked.images),
    )
    every_image = np.arange(len(asked.names))
    return Evaluation(
        images=len(asked.names),
        captions=len(asked.texts),
        missing=asked.missing,
        rows=store.count(),
        model=encoder.spec,
        text_to_image=_recall(by_index, among_all.ranks, among_captioned.ranks, asked.owner),
        image_to_text=_recall(by_image, by_image, by_image, every_image),
        ann_recall_at_10=neighbours.judge([str(i) for i in sample], found).at_10,
        latency=latency,
        failures=tuple(islice(_failures(asked, among_all.ranks, best, store), failures)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """The captions of images that are in the archive.

    Attributes:
        names: Of the images, sorted.
        rows: Ids of an image's rows, by name, and a row's name by id.
        images: A vector an image: shape (images, dim).
        texts: All captions, image by image; ``vectors`` are theirs: shape (texts, dim).
        owner: Each caption's image: shape (texts,), ascending.
        missing: Captioned images that are not in the archive.
    """

    names: list[str]
    rows: dict[str, list[str]]
    name_of: dict[str, str]
    images: Vectors
    texts: list[str]
    vectors: Vectors
    owner: NDArray[np.intp]
    missing: int

    @classmethod
    def of(cls, captioned: Iterable[Captioned], store: Store, encoder: Encoder) -> "_Asked":
        """Look for the images in the archive and encode their captions."""
        wanted: dict[str, tuple[str, ...]] = {}
        for item in captioned:
            if item.captions:
                wanted[item.file] = (*wanted.get(item.file, ()), *item.captions)
        if not wanted:
            raise UsageError("no line has captions in the language asked for; check --language")
        rows: dict[str, list[str]] = {}
        for record in store.iterate():
            if record.name in wanted:
                rows.setdefault(record.name, []).append(record.id)
        if not rows:
            raise NoUsableImage(
                f"none of the {len(wanted):,} captioned files is in the archive; ingest their "
                "folder first, and check that 'file' is the bare file name"
            )
        names = sorted(rows)
        stored = store.vectors([rows[name][0] for name in names])
        texts = [caption for name in names for caption in wanted[name]]
        return cls(
            names=names,
            rows=rows,
            name_of={row: name for name, same in rows.items() for row in same},
            images=np.stack([stored[rows[name][0]] for name in names]),
            texts=texts,
            vectors=_encode(encoder, texts),
            owner=np.repeat(np.arange(len(names)), [len(wanted[name]) for name in names]),
            missing=len(wanted) - len(names),
        )


def _encode(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    vectors: Vectors = np.empty((len(texts), encoder.dim), dtype=np.float32)
    for start in range(0, len(texts), QUERIES_PER_CALL):
        batch = texts[start : start + QUERIES_PER_CALL]
        vectors[start : start + len(batch)] = encoder.encode_texts(batch)
    return vectors


def _best_own(asked: _Asked, own: NDArray[np.float32], store: Store) -> NDArray[np.float32]:
    """Return each caption's score with the best of the rows of its image's name."""
    best = own.copy()
    for image, name in enumerate(asked.names):
        others = asked.rows[name][1:]
        if others:
            vectors = np.stack(list(store.vectors(others).values()))
            of_image = asked.owner == image
            scores = (asked.vectors[of_image] @ vectors.T).max(axis=1)
            best[of_image] = np.maximum(best[of_image], scores)
    return best


def _ranks_in_index(asked: _Asked, store: Store) -> Ranks:
    """Rank, from 1, of the first right row among the first ten; infinity where there is none."""
    ranks = np.full(len(asked.texts), np.inf)
    for start in range(0, len(ranks), QUERIES_PER_CALL):
        found = store.search(asked.vectors[start : start + QUERIES_PER_CALL], max(DEPTHS))
        for i, matches in enumerate(found, start=start):
            name = asked.names[asked.owner[i]]
            right = [r for r, m in enumerate(matches, 1) if asked.name_of.get(m.record.id) == name]
            ranks[i] = min(right, default=np.inf)
    return ranks


def _recall(within: Ranks, reciprocal: Ranks, median: Ranks, owner: NDArray[np.intp]) -> Recall:
    """Return the measures of ranks, each from those it is defined by; shapes (queries,)."""
    measures = {f"R@{k}": (within <= k).astype(np.float64) for k in DEPTHS} | {
        "MRR": 1 / reciprocal
    }
    bounds = bootstrap(np.stack(list(measures.values()), axis=1), owner)
    return Recall(
        at={k: float(np.mean(within <= k)) for k in DEPTHS},
        median_rank=float(np.median(median)),
        mrr=float(np.mean(measures["MRR"])),
        intervals={
            name: (float(low), float(high))
            for name, (low, high) in zip(measures, bounds, strict=True)
        },
    )


def _failures(
    asked: _Asked, ranks: Ranks, own: NDArray[np.float32], store: Store
) -> Iterator[Failure]:
    """Yield the captions whose images rank last, the worst first, one an image."""
    told: set[int] = set()
    for i in np.argsort(-ranks, kind="stable"):
        image = int(asked.owner[i])
        if ranks[i] <= 1:
            return
        if image in told:
            continue
        told.add(image)
        name = asked.names[image]
        (matches,) = store.search(asked.vectors[i][None], max(DEPTHS))
        first = next((m for m in matches if m.record.name != name), None)
        wanted = store.get(asked.rows[name][:1]).get(asked.rows[name][0])
        if first is not None and wanted is not None:
            yield Failure(asked.texts[i], wanted, int(ranks[i]), float(own[i]), first)
