"""An archive seen through its descriptions: the rows are the archive's, the vectors the texts'.

It is a `Store` to read from, so that a query means the same among descriptions as among images:
filters, exclusion, paging. Conditions are judged on the archive's own rows, so that they hold as
things are now; a row that is gone since its description was made is no hit.
"""

from collections.abc import Iterator, Sequence

from schema.descriptions import DescriptionStore
from schema.errors import UsageError
from schema.filtered import FEW_ROWS, GROWTH, MIN_FETCHED, compare_each
from schema.filters import Filter, passes, push_down
from schema.index import MAX_LIMIT, check_page
from schema.milvus_collection import ROWS_PER_CALL
from schema.records import Embedded, ImageRecord, Match, Vector, Vectors, Worded
from schema.store import Collection, Store


class DescribedRows:
    """A `schema.store.Store` of an archive's rows with the vectors of their texts; read only."""

    can_match_words = False
    writes_at_once = 1

    def __init__(self, rows: Store, descriptions: DescriptionStore) -> None:
        """Join two stores; whoever opened them closes them.

        Args:
            rows: The archive's.
            descriptions: Of its rows.
        """
        self._rows = rows
        self._descriptions = descriptions

    @property
    def collection(self) -> Collection:
        return self._descriptions.collection

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        where: str = "",
        filters: Sequence[Filter] = (),
        offset: int = 0,
        with_vectors: bool = False,  # noqa: ARG002 - of the Protocol; they are asked for in time
    ) -> list[list[Match]]:
        check_page(k, offset)
        wanted = k + offset
        pushed = push_down(where, filters)
        is_free = not where.strip() and not filters
        if is_free or self._rows.count(pushed) > FEW_ROWS:
            fetched = wanted if is_free else max(GROWTH * wanted, MIN_FETCHED)
            known: dict[str, ImageRecord | None] = {}
            while True:
                fetched = min(fetched, MAX_LIMIT)
                found = self._descriptions.search(queries, fetched)
                new = {i for hits in found for i, _ in hits} - known.keys()
                known |= dict.fromkeys(new) | self._select(sorted(new), where, filters)
                fit = [
                    [Match(record, score) for i, score in hits if (record := known[i]) is not None]
                    for hits in found
                ]
                if all(
                    len(matches) >= wanted or len(hits) < fetched
                    for matches, hits in zip(fit, found, strict=True)
                ):
                    return [matches[offset:wanted] for matches in fit]
                if fetched == MAX_LIMIT:
                    break
                fetched = max(GROWTH * fetched, MIN_FETCHED)
        ranked = compare_each(self, queries, wanted, pushed, filters)
        return [matches[offset:] for matches in ranked]

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        return self._descriptions.vectors(ids)

    def match_words(
        self,
        words: str,  # noqa: ARG002 - of the Protocol
        k: int,  # noqa: ARG002
        *,
        where: str = "",  # noqa: ARG002
        filters: Sequence[Filter] = (),  # noqa: ARG002
    ) -> list[Worded]:
        """Find nothing: descriptions are searched by what they mean."""
        return []

    def sample_vectors(self, n: int) -> Vectors:
        return self._descriptions.sample_vectors(n)

    def iterate_vectors(self, where: str = "") -> Iterator[tuple[list[str], Vectors]]:
        for ids, vectors in self._descriptions.iterate_vectors():
            kept = self._select(ids, where, ())
            places = [n for n, i in enumerate(ids) if i in kept]
            yield [ids[n] for n in places], vectors[places]

    def get(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return self._rows.get(ids)

    def iterate(self, where: str = "", filters: Sequence[Filter] = ()) -> Iterator[ImageRecord]:
        return self._rows.iterate(where, filters)

    def count(self, where: str = "") -> int:
        return self._rows.count(where)

    def upsert(self, rows: Sequence[Embedded]) -> int:  # noqa: ARG002 - of the Protocol
        """Refuse: descriptions are made from the rows.

        Raises:
            UsageError: Always.
        """
        raise UsageError("descriptions are made from the rows; write the rows, then refresh them")

    def delete(self, ids: Sequence[str]) -> None:  # noqa: ARG002 - of the Protocol
        """Refuse, as `upsert` does."""
        self.upsert(())

    def close(self) -> None:
        """Do nothing: whoever opened the stores closes them."""

    def _select(
        self, ids: Sequence[str], where: str, filters: Sequence[Filter]
    ) -> dict[str, ImageRecord]:
        """Return those of some rows that are there and fulfil the conditions, by id."""
        if not where.strip():
            rows = self._rows.get(ids)
            return {i: record for i, record in rows.items() if passes(record, filters)}
        chosen: dict[str, ImageRecord] = {}
        for start in range(0, len(ids), ROWS_PER_CALL):
            listed = ", ".join(f'"{i}"' for i in ids[start : start + ROWS_PER_CALL])
            found = self._rows.iterate(f"({where}) and id in [{listed}]", filters)
            chosen |= {record.id: record for record in found}
        return chosen
