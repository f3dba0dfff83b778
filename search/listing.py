"""Rows that filters alone choose, sorted: the newest first, where nothing else is asked."""

from heapq import nsmallest

from schema.records import ImageRecord
from schema.store import Store
from search.page import sort_key
from search.query import Query


def list_rows(query: Query, *, store: Store) -> list[ImageRecord]:
    """Return the rows that fulfil a query's conditions, in its order; those of no date are last.

    Every matching row is read, because Milvus does not sort; only the page is kept.

    Raises:
        UsageError: The filter is unknown to the store.
        StoreError: The store does not answer, or answers with an error.
    """
    rows = store.iterate(query.where, query.filters)
    return nsmallest(query.offset + query.k, rows, key=sort_key(query.sort))[query.offset :]
