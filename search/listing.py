"""Rows that filters alone choose: by date, the newest first."""

from heapq import nsmallest

from schema.records import ImageRecord
from schema.store import Store
from search.query import Query


def list_rows(query: Query, *, store: Store) -> list[ImageRecord]:
    """Return the rows that fulfil a query's conditions: the newest first, those of no date last.

    Every matching row is read, because Milvus does not sort; only the page is kept.

    Raises:
        UsageError: The filter is unknown to the store.
        StoreError: The store does not answer, or answers with an error.
    """
    rows = store.iterate(query.where, query.filters)
    return nsmallest(query.offset + query.k, rows, key=_by_date)[query.offset :]


def _by_date(record: ImageRecord) -> tuple[float, str, str, int]:
    newest_first = float("inf") if record.taken_at is None else -record.taken_at
    return newest_first, record.path, record.root, record.offset_ms
