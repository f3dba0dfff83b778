"""An answer arranged for people: videos and bursts folded, hits that differ first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from schema.errors import UsageError
from schema.index import MAX_LIMIT
from schema.records import ImageRecord, Match, Vector
from schema.store import Store
from search.calibration import Calibration
from search.carried import with_vectors
from search.diversity import POOL, check_diversity, diversify
from search.engine import LoadEncoder, answer
from search.folding import Fold, fold, fold_videos
from search.query import Query
from search.relevance import Judged

Found = Judged | ImageRecord

FETCHED_PER_SHOWN = 1.5
MIN_FETCHED = 30
GROWTH = 4
"""A page that is not full is looked for among so many times more; each row costs, and few archives
have a fold in every second hit."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How an answer is arranged.

    Attributes:
        fold: Whether hits of one burst or image are folded under the best of them.
        diversity: How much it counts that hits differ, from 0 to 1; ``None`` for the plain order.
    """

    fold: bool = False
    diversity: float | None = None

    def __post_init__(self) -> None:
        if self.diversity is not None:
            check_diversity(self.diversity)


@dataclass(frozen=True, slots=True)
class Shown:
    """A hit, and the hits folded under it, best first."""

    hit: Found
    folded: tuple[Found, ...] = ()


def arranged_answer(
    query: Query,
    arrangement: Arrangement,
    *,
    store: Store,
    encoder: LoadEncoder,
    calibration: Calibration | None = None,
) -> list[Shown]:
    """Return what a query asks for, see `search.engine.answer`, arranged.

    Moments of one video are always folded under the best of them. k and the offset count the hits
    that are shown. Pages join: each is cut out of one order, which does not depend on the page.

    Raises:
        UsageError: Hits that differ are asked for and there is nothing to look for.
    """
    if arrangement.diversity is not None and not query.terms:
        raise UsageError(
            "rows that filters alone choose are listed by date and have no relevance to weigh "
            "against diversity; add words for what the images show"
        )
    needed = query.offset + query.k
    if arrangement.diversity is not None:
        needed = -(-needed // POOL) * POOL
    found, folds, vectors = _fetch(query, needed, arrangement, store, encoder, calibration)
    if arrangement.diversity is not None:
        folds = _in_pools(found, folds[:needed], vectors, arrangement.diversity)
    return [
        Shown(found[each.head], tuple(found[place] for place in each.folded))
        for each in folds[query.offset : query.offset + query.k]
    ]


def _fetch(
    query: Query,
    needed: int,
    arrangement: Arrangement,
    store: Store,
    encoder: LoadEncoder,
    calibration: Calibration | None,
) -> tuple[list[Found], list[Fold], list[Vector]]:
    """Return hits enough to show so many, how they are folded, and their vectors if they count."""
    more = max(ceil(FETCHED_PER_SHOWN * needed), MIN_FETCHED)
    asked = more if arrangement.fold else needed
    while True:
        # More than the store can give is refused there, for what was asked for and no more.
        asked = max(min(asked, MAX_LIMIT), query.offset + query.k)
        wider = replace(query, k=asked, offset=0)
        compares = arrangement != Arrangement()
        hits = answer(
            wider, store=store, encoder=encoder, calibration=calibration, with_vectors=compares
        )
        found: list[Found] = list(hits)
        vectors: list[Vector] = []
        if compares:
            found, vectors = _with_vectors(hits, store)
        records = [_record(hit) for hit in found]
        if arrangement.fold and found:
            folds = fold(records, np.stack(vectors))
        else:
            folds = fold_videos(records)
        is_whole = len(hits) < asked or asked >= MAX_LIMIT
        # Where there are videos, some of their other moments are wanted too.
        is_enough = asked >= more or all(record.view != "frame" for record in records)
        if is_whole or (is_enough and len(folds) >= needed):
            return found, folds, vectors
        asked = max(more, asked * GROWTH) if len(folds) < needed else more


def _with_vectors(hits: Sequence[Found], store: Store) -> tuple[list[Found], list[Vector]]:
    matches = [hit for hit in hits if isinstance(hit, Match)]
    if matches:
        there, carried = with_vectors(matches, store)
        return list(there), list(carried)
    vectors = store.vectors([_record(hit).id for hit in hits])
    # A row may be deleted between the two reads.
    found = [hit for hit in hits if _record(hit).id in vectors]
    return found, [vectors[_record(hit).id] for hit in found]


def _in_pools(
    found: Sequence[Found], folds: Sequence[Fold], vectors: Sequence[Vector], diversity: float
) -> list[Fold]:
    ordered: list[Fold] = []
    for start in range(0, len(folds), POOL):
        pool = folds[start : start + POOL]
        scores = np.array([_score(found[each.head]) for each in pool])
        order = diversify(scores, np.stack([vectors[each.head] for each in pool]), diversity)
        ordered += [pool[place] for place in order]
    return ordered


def _record(hit: Found) -> ImageRecord:
    return hit.record if isinstance(hit, Match) else hit


def _score(hit: Found) -> float:
    return hit.score if isinstance(hit, Match) else 0.0
