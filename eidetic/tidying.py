"""How an archive is tidied: duplicates are found, labels written."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from eidetic.caring import WAIT_S
from eidetic.groups import DuplicateGroups
from eidetic.part import Part
from schema import load_roots
from search import DEFAULT_TAG_THRESHOLD, DEFAULT_TEMPLATE, DUPLICATE_THRESHOLD, only_filters

if TYPE_CHECKING:
    from search import Tagging


class Tidying(Part):
    """The methods of an archive that put it in order; they never touch a file."""

    def duplicates(
        self, filters: str = "", *, threshold: float = DUPLICATE_THRESHOLD, where: str = ""
    ) -> DuplicateGroups:
        """Group near-identical images: copies, other sizes and formats, light edits.

        The first of a group is the best of it, and every other is near-identical to it.

        Args:
            filters: Which rows are compared, in the filters of the query language.
            threshold: The least score of images that are not the same bytes, from -1 to 1.
            where: A Milvus boolean expression; only rows for which it holds are compared.

        Raises:
            UsageError: The threshold or a filter cannot be used.
            ArchiveMissing: Nothing has been ingested yet.
            StoreError: Milvus failed.
        """
        from search import find_duplicates

        chosen = only_filters(filters)
        found = find_duplicates(
            self._opening.store(), threshold=threshold, where=where, filters=chosen
        )
        roots = {root.id: root for root in load_roots(self.settings.roots_file)}
        return DuplicateGroups.of(found, roots=roots)

    def tag(
        self,
        labels: Sequence[str],
        filters: str = "",
        *,
        template: str = DEFAULT_TEMPLATE,
        threshold: float = DEFAULT_TAG_THRESHOLD,
        where: str = "",
        dry_run: bool = False,
    ) -> "Tagging":
        """Write into rows which of some labels fit them, so that ``tag:`` finds them.

        Labels that rows had before go; keywords of people stay. Nothing is embedded but the labels.

        Args:
            labels: At least one, without duplicates.
            filters: Which rows, in the filters of the query language; others keep their labels.
            template: What is said of an image; ``{}`` stands for the label.
            threshold: Standard deviations by which a label must stand out, see `search.tagging`.
            where: A Milvus boolean expression that must hold besides.
            dry_run: Whether to say what would be written and write nothing.

        Raises:
            UsageError: A value cannot be used, or the archive's model takes images only.
            ArchiveMissing: Nothing has been ingested yet.
            ArchiveBusy: Another process is writing into the archive.
            ModelUnavailable: The archive's model cannot be loaded.
            StoreError: Milvus failed.
        """
        from search import tag

        chosen = only_filters(filters)
        with self._turn(dry_run):
            return tag(
                labels,
                store=self._opening.store(),
                encoder=self._opening.query_encoder,
                template=template,
                threshold=threshold,
                where=where,
                filters=chosen,
                dry_run=dry_run,
            )

    def untag(self, filters: str = "", *, where: str = "", dry_run: bool = False) -> "Tagging":
        """Take the labels that a model gave from rows; arguments and errors are those of `tag`."""
        from search import untag

        chosen = only_filters(filters)
        with self._turn(dry_run):
            return untag(store=self._opening.store(), where=where, filters=chosen, dry_run=dry_run)

    def _turn(self, dry_run: bool) -> AbstractContextManager[object]:
        return nullcontext() if dry_run else self._opening.writing("tag", wait_s=WAIT_S)
