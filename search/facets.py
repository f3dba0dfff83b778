"""How many rows there are of each year, month, camera, tag: what a search can be narrowed to."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from schema.filters import Filter
from schema.records import ImageRecord
from schema.store import Store

MAX_ROWS = 200_000
"""Every row is read; beyond so many the counts are those of a part, and say so."""

MAX_VALUES = 200
"""Of each facet, the most frequent; years and months are all there."""


FACETS = (
    "year", "month", "camera", "lens", "tag", "in", "place", "country", "format", "type", "rating",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """One value, and how many rows have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts of the rows that fulfil some conditions.

    Attributes:
        rows: How many rows were counted.
        is_complete: Whether these are all that fulfil the conditions.
        counts: By facet. ``year`` and ``month`` ("2019", "2019-06") are values of the filter
            ``date``, in their order; the others have the name of their filter, the most frequent
            value first.
    """

    rows: int
    is_complete: bool
    counts: Mapping[str, tuple[Count, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the HTTP contract."""
        return {
            "rows": self.rows,
            "complete": self.is_complete,
            "facets": {
                name: [asdict(count) for count in counts] for name, counts in self.counts.items()
            },
        }


def count_facets(
    store: Store, *, where: str = "", filters: Sequence[Filter] = (), max_rows: int = MAX_ROWS
) -> Facets:
    """Count the rows that fulfil some conditions by what their filters ask for.

    Args:
        where: A Milvus boolean expression over the fields of a row; "" for all rows.

    Raises:
        UsageError: The expression is unknown to the store.
        StoreError: The store does not answer, or answers with an error.
    """
    found: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    records = store.iterate(where, filters)
    rows = 0
    for record in islice(records, max_rows):
        rows += 1
        for name, value in _values(record):
            found[name][value] += 1
    is_complete = next(records, None) is None
    return Facets(rows, is_complete, {name: _ranked(name, found[name]) for name in FACETS})


def _values(record: ImageRecord) -> Iterator[tuple[str, str]]:
    month = _month(record.taken_at)
    if month:
        yield "year", month[:-3]
        yield "month", month
    for name, value in (
        ("camera", record.camera),
        ("lens", record.lens),
        ("in", f"{record.folder}/" if record.folder else ""),
        ("place", record.place),
        ("country", record.country),
        ("format", record.format),
        ("type", record.view),
        ("rating", None if record.rating is None else str(record.rating)),
        *(("tag", tag) for tag in set(record.tags)),
    ):
        if value:
            yield name, value


def _month(taken_at_ms: int | None) -> str:
    """Return the month of a wall clock, "2019-06"; "" where it is not known."""
    if taken_at_ms is None:
        return ""
    try:
        # Not fromtimestamp, which some systems limit to the years after 1970.
        clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=taken_at_ms)
    except OverflowError:
        return ""
    return f"{clock.year:04}-{clock.month:02}"


def _ranked(name: str, counter: Counter[str]) -> tuple[Count, ...]:
    if name in ("year", "month"):
        return tuple(Count(*item) for item in sorted(counter.items()))
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(*item) for item in ranked[:MAX_VALUES])
