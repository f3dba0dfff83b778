"""Which of a query's matches make up the page: the best, the likely ones, in what order."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from schema.records import ImageRecord, Match
from schema.store import Store
from search.fusion import Nearest
from search.query import Query, Sort
from search.relevance import Judged, Line

LIKELY_DEPTH = 1000
"""The likely hits are sought among so many of the best: beyond, the next page would not be read."""

M = TypeVar("M", bound=Match)

SortKey = Callable[[ImageRecord], tuple[float, str, str, int]]


def select(
    query: Query,
    ranked: Nearest,
    line: Line | None,
    *,
    worded: frozenset[str],
    scored: bool,
    store: Store,
) -> list[Judged]:
    """Return the page of a query, each match judged.

    Another order than that by score is one of the likely matches; where there is no line, of the
    page.

    Args:
        ranked: Returns matches in their order by score: ``ranked(k, offset)``.
        worded: Ids of rows that have every word of the query.
        scored: See `search.relevance.Line.judge`.

    Raises:
        UsageError: The page lies beyond what the store returns.
        StoreError: The store does not answer, or answers with an error.
    """
    if line is None:
        page = ranked(query.k, query.offset)
        return [Judged(m.record, m.score, m.vector, m.neutral) for m in in_order(page, query.sort)]
    if not query.likely and query.sort == "score":
        page = ranked(query.k, query.offset)
        return line.judge(page, store, scored=scored, worded=worded)
    judged = line.judge(ranked(LIKELY_DEPTH, 0), store, scored=scored, worded=worded)
    likely = in_order([match for match in judged if match.likely], query.sort)
    return likely[query.offset : query.offset + query.k]


def in_order(matches: Sequence[M], sort: Sort) -> list[M]:
    """Return matches in another order than the one by score; in that they are already."""
    if sort == "score":
        return list(matches)
    key = sort_key(sort)
    return sorted(matches, key=lambda match: key(match.record))


def sort_key(sort: Sort) -> SortKey:
    """Return what rows are sorted by; those of no date come last."""
    match sort:
        case "folder":
            return lambda record: (0.0, record.path, record.root, record.offset_ms)
        case "oldest":
            return lambda record: _dated(record, 1)
        case _:
            return lambda record: _dated(record, -1)


def _dated(record: ImageRecord, sign: int) -> tuple[float, str, str, int]:
    date = float("inf") if record.taken_at is None else float(sign * record.taken_at)
    return date, record.path, record.root, record.offset_ms
