"""How an archive is looked through without a question: rows by id, counts, what may be typed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eidetic.part import Part
from schema import ImageRecord

if TYPE_CHECKING:
    from search import Facets


class Browsing(Part):
    """The methods of an archive that look through it."""

    def get(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Return the rows that exist, by id.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
        """
        return self._opening.store().get(ids)

    def count(self) -> int:
        """Return how many rows there are.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
        """
        return self._opening.store().count()

    def facets(self, text: str = "", *, where: str = "") -> "Facets":
        """Count rows by year, month, camera, tag and so on.

        Args:
            text: A query, of which the filters alone count.
            where: A Milvus boolean expression over the fields of a row.

        Raises:
            QuerySyntaxError: The text cannot be read as a query.
            ArchiveMissing: Nothing has been ingested yet.
        """
        from search import count_facets, read_filters

        filters = read_filters(text)
        return count_facets(self._opening.store(), where=where, filters=filters)
