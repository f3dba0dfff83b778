"""Which rows are found by the words of a query, and how much that says.

A query says what an image shows; a row's text is its file name, title, keywords and place. One word
in common says little ("beach" of "two dogs on a beach"), all of them say much. So a row counts by
the share of the words that it has, and words that stand in every text are not looked for. BM25
finds the rows; among those of one share it does not rank them, for it prefers the shorter text and
the rarer word, which says nothing of the image: that is left to the vectors.
"""

from dataclasses import dataclass

from schema.bm25 import tokens
from schema.records import ImageRecord
from schema.store import Store
from search.query import Query, Text
from search.stopwords import STOP_WORDS

DEPTH = 500
"""Rows that each text of a query is answered with at most. Bounds what a word that stands in every
row costs; what lies beyond is still found by its vector."""

MIN_SHARE = 0.5
"""Share of a text's words that a row must have to count at all."""

POWER = 2.0
"""A row with half of the words counts a quarter of one that has them all."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row found by words.

    Attributes:
        rank: From 1; rows with equally many of the words share a rank.
        weight: How much its rank counts, in (0, 1].
        is_whole: Whether the row has all of the text's words.
    """

    record: ImageRecord
    rank: int
    weight: float
    is_whole: bool


def content_words(text: str) -> tuple[str, ...]:
    """Return the different words of a text that are worth looking for, in their order.

    A text of nothing but stop words is looked for as it stands.
    """
    words = dict.fromkeys(tokens(text))
    return tuple(word for word in words if word not in STOP_WORDS) or tuple(words)


def rank_by_words(query: Query, store: Store) -> list[list[Ranked]]:
    """Return, for each text of a query that finds any rows by its words, these, best first.

    A term's weight is its share of those of all terms, images among them.

    Raises:
        UsageError: The filter is unknown to the store.
        StoreError: The store does not answer, or answers with an error.
    """
    if not (query.words and store.can_match_words):
        return []
    total = sum(term.weight for term in query.terms)
    lists = [
        _rank(term.words, term.weight / total, query, store)
        for term in query.terms
        if isinstance(term, Text)
    ]
    return [ranked for ranked in lists if ranked]


def _rank(text: str, weight: float, query: Query, store: Store) -> list[Ranked]:
    words = content_words(text)
    if not words:
        return []
    found = store.match_words(" ".join(words), DEPTH, where=query.where, filters=query.filters)
    shares = [len(set(words).intersection(tokens(row.record.text))) / len(words) for row in found]
    ranks = {share: 1 + sum(other > share for other in shares) for share in set(shares)}
    return [
        Ranked(
            row.record,
            rank=ranks[share],
            weight=weight * share**POWER,
            is_whole=share == 1,
        )
        for share, row in sorted(zip(shares, found, strict=True), key=lambda pair: -pair[0])
        if share >= MIN_SHARE
    ]
