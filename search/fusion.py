"""One order out of several: rows near in vectors, rows found by words.

Reciprocal rank fusion (Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet
and individual Rank Learning Methods", SIGIR 2009): each list gives a row its weight divided by
`CONSTANT` plus the row's rank, and the sums are sorted. The list of vectors weighs 1, those of
words together 1 at most.

Milvus can fuse lists itself, in one request. It is not asked to, because its answer has no cosines,
because which words a row has and whether it fulfils filters that no expression says is seen on the
row, and because a query whose words are in no text need then not be fused at all: its answer is
that of the vectors alone, to the last digit.
"""

from collections.abc import Callable, Sequence

import numpy as np

from schema.index import MAX_LIMIT, check_page
from schema.records import MAX_SCORE, MIN_SCORE, Match, Vector
from schema.store import Store
from search.lexical import Ranked

CONSTANT = 60
"""The paper's: the larger, the less the first ranks stand out."""

DEPTH = 100
"""Ranks of the list of vectors that count. Fixed, so that every page is cut from the same order."""

Nearest = Callable[[int, int], list[Match]]
"""Returns k matches by vector, best first, after passing over some: ``nearest(k, offset)``."""

Keep = Callable[[list[Match]], list[Match]]
"""Returns those of some matches that the query does not exclude."""


def fuse(
    lists: Sequence[Sequence[Ranked]],
    k: int,
    offset: int,
    *,
    aim: Vector,
    nearest: Nearest,
    keep: Keep,
    store: Store,
) -> list[Match]:
    """Return the fused matches ranked offset to offset + k; scores are cosines with ``aim``.

    After all fused rows come the others by vector.

    Args:
        lists: Rows found by words; those are judged by ``keep``.
        aim: The vector that ``nearest`` looks for: shape (dim,), float32, unit norm.

    Raises:
        UsageError: The page lies beyond `MAX_LIMIT`.
        StoreError: The store does not answer, or answers with an error.
    """
    check_page(k, offset)
    head = nearest(DEPTH, 0)
    known = {match.record.id: match for match in head}
    weights = {match.record.id: 1 / (CONSTANT + n) for n, match in enumerate(head, start=1)}
    for match in keep(_score(lists, known, aim, store)):
        known[match.record.id] = match
    for ranked in lists:
        for row in ranked:
            if row.record.id in known:
                more = row.weight / (CONSTANT + row.rank)
                weights[row.record.id] = weights.get(row.record.id, 0.0) + more
    worded = {row.record.id for ranked in lists for row in ranked}
    # Of equal sums, what was found by words comes first: some row is the nearest to any query, but
    # not of its name. Then the cosine and the id, so that the order is always the same.
    order = sorted(weights, key=lambda i: (-weights[i], i not in worded, -known[i].score, i))
    fused = [known[i] for i in order]
    wanted = offset + k
    if len(head) == DEPTH and len(fused) < wanted:
        rest = nearest(min(wanted + len(fused), MAX_LIMIT), 0)
        fused += [match for match in rest if match.record.id not in weights]
    return fused[offset:wanted]


def _score(
    lists: Sequence[Sequence[Ranked]], known: dict[str, Match], aim: Vector, store: Store
) -> list[Match]:
    """Return the rows of the lists that are not known yet, as matches in any order."""
    rows = {row.record.id: row.record for ranked in lists for row in ranked}
    missing = [i for i in rows if i not in known]
    # A row may be deleted between the two reads.
    vectors = store.vectors(missing)
    if not vectors:
        return []
    stacked = np.stack(list(vectors.values()))
    scores = np.clip(stacked @ aim, MIN_SCORE, MAX_SCORE).tolist()
    neutral = store.collection.neutrality(stacked)
    return [
        Match(rows[i], score, vector, told)
        for (i, vector), score, told in zip(vectors.items(), scores, neutral, strict=True)
    ]
