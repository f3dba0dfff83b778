"""How a filtered search finds k rows wherever k rows match, and the nearest ones.

The index is asked with what the filters push down. Two things can make it fall short: rows that the
expression lets through and the predicates do not, and a graph index that loses its way where few
rows are allowed. So few rows are compared one by one; many are asked of the index, in growing
numbers until k match; and where the index cannot give more, all rows of the expression are.
"""

from collections.abc import Iterator, Sequence
from heapq import nlargest
from itertools import islice

import numpy as np

from schema.filters import Filter, passes, push_down
from schema.index import MAX_LIMIT
from schema.records import MAX_SCORE, MIN_SCORE, Match, Vectors, Worded
from schema.store import Store

FEW_ROWS = 1000
"""So many rows are compared one by one: about the work of one walk through the graph, and exact."""

MIN_FETCHED = 100
GROWTH = 4
"""A search that falls short is repeated for so many times more."""

ROWS_AT_ONCE = 500
"""Records and vectors held at a time while rows are compared one by one."""


def search_filtered(
    store: Store,
    queries: Vectors,
    k: int,
    *,
    where: str,
    filters: Sequence[Filter],
    offset: int,
    with_vectors: bool,
) -> list[list[Match]]:
    """Return, for each query vector, the matches ranked offset to offset + k, best first.

    Args:
        store: Asked with expressions alone.
        queries: Shape (n, dim), float32, unit norm.
        where: A Milvus boolean expression that must hold besides the filters.
        with_vectors: See `schema.store.Store.search`.
    """
    pushed, wanted = push_down(where, filters), k + offset
    total = store.count(pushed)
    if total > FEW_ROWS:
        exact = all(each.is_exact for each in filters)
        fetched = wanted if exact else max(GROWTH * wanted, MIN_FETCHED)
        while True:
            fetched = min(fetched, MAX_LIMIT)
            found = store.search(queries, fetched, where=pushed, with_vectors=with_vectors)
            fit = [[match for match in row if passes(match.record, filters)] for row in found]
            if all(
                len(matches) >= wanted or len(row) >= total
                for matches, row in zip(fit, found, strict=True)
            ):
                return [matches[offset:wanted] for matches in fit]
            if fetched == MAX_LIMIT:
                break
            fetched *= GROWTH
    ranked = compare_each(store, queries, wanted, pushed, filters)
    return [matches[offset:] for matches in ranked]


def words_filtered(
    store: Store, words: str, k: int, *, where: str, filters: Sequence[Filter]
) -> list[Worded]:
    """Return the rows with some of the words that fulfil the filters too, best first.

    Args:
        store: Asked with expressions alone.
        where: A Milvus boolean expression that must hold besides the filters.
    """
    pushed = push_down(where, filters)
    fetched = k if all(each.is_exact for each in filters) else max(GROWTH * k, MIN_FETCHED)
    while True:
        fetched = min(fetched, MAX_LIMIT)
        found = store.match_words(words, fetched, where=pushed)
        fit = [row for row in found if passes(row.record, filters)]
        if len(fit) >= k or len(found) < fetched or fetched == MAX_LIMIT:
            return fit[:k]
        fetched *= GROWTH


def compare_each(
    store: Store, queries: Vectors, wanted: int, pushed: str, filters: Sequence[Filter]
) -> list[list[Match]]:
    """Return, for each query vector, the best ``wanted`` matches with their vectors, by comparing
    row by row.
    """
    best: list[list[Match]] = [[] for _ in queries]
    rows = store.iterate(pushed, filters)
    while records := list(islice(rows, ROWS_AT_ONCE)):
        vectors = store.vectors([record.id for record in records])
        # A row may be deleted between the two reads.
        kept = [record for record in records if record.id in vectors]
        if not kept:
            continue
        held = np.stack([vectors[record.id] for record in kept])
        scores = np.clip(queries @ held.T, MIN_SCORE, MAX_SCORE).tolist()
        neutral = store.collection.neutrality(held)
        for n in range(len(queries)):
            new: Iterator[Match] = map(Match, kept, scores[n], held, neutral)
            best[n] = nlargest(wanted, [*best[n], *new], key=lambda match: match.score)
    return best
