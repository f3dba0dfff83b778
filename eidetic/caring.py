"""How an archive is looked after: what it knows, its roots, its health."""

from collections.abc import Sequence
from contextlib import nullcontext
from os import fspath
from typing import TYPE_CHECKING

from eidetic.part import Part, StrPath
from eidetic.results import DescriptionStatus, RootStatus, Status
from eidetic.turns import Writer, find_writer
from schema import load_roots

if TYPE_CHECKING:
    from eidetic.doctor import Diagnosis
    from eidetic.roots import Forgotten, Moved, RootState
    from eidetic.show import Facts

DEFAULT_SAMPLE = 200
"""Rows that `Caring.doctor` looks for in the index."""

WAIT_S = 10.0
"""How long a short piece of work waits for another writer; a watched folder's batch takes less."""


class Caring(Part):
    """The methods of an archive that tell its state and mend it."""

    def status(self) -> Status:
        """Return what the archive holds, with which model, and where.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
        """
        store = self._opening.store()
        collection, connection = store.collection, store.connection
        with self._opening.journal() as journal:
            skipped = journal.count_skipped()
        descriptions = self._opening.descriptions.open()
        return Status(
            archive=self.settings.archive,
            model=collection.model,
            dim=collection.dim,
            rows=store.count(),
            collection=collection.name,
            index=collection.index,
            store=connection.version,
            uri=connection.uri,
            capabilities={"bm25": store.can_match_words},
            roots=tuple(
                RootStatus(root.id, root.location, store.count(f'root == "{root.id}"'))
                for root in load_roots(self.settings.roots_file)
            ),
            skipped=skipped,
            disk_bytes=self._opening.disk_bytes(),
            descriptions=None if descriptions is None else DescriptionStatus.of(descriptions),
        )

    def writer(self) -> Writer | None:
        """Return what writes into the archive now, in whatever process, and how far it is."""
        return find_writer(self.settings.writer_file)

    def show(self, image: StrPath) -> "Facts":
        """Return everything known of one image, by its path or by the id of a row.

        Raises:
            ArchiveError: The archive knows nothing of it.
        """
        from eidetic.show import show

        return show(self._opening, fspath(image))

    def roots(self) -> "tuple[RootState, ...]":
        """Return the archive's roots, those that only its rows know of among them."""
        from eidetic.roots import list_roots

        return list_roots(self._opening)

    def find_root(self, root: StrPath) -> "RootState":
        """Return a root by its id or its location.

        Raises:
            UsageError: There is no such root; the message names those there are.
        """
        from eidetic.roots import find_root

        return find_root(self._opening, fspath(root))

    def move_root(self, root: StrPath, folder: StrPath, *, allow_mismatch: bool = False) -> "Moved":
        """Say where a root's folder lives by now. Its rows stay, and nothing is embedded.

        Args:
            root: Its id, or its location so far.
            folder: Its new location.
            allow_mismatch: Whether to do so even where fewer than half of a sample of the root's
                files are found there.

        Raises:
            UsageError: There is no such root or folder, the folder overlaps another root, or the
                files are not there.
        """
        from eidetic.roots import move_root

        with self._opening.writing("roots move", wait_s=WAIT_S):
            return move_root(
                self._opening, fspath(root), fspath(folder), allow_mismatch=allow_mismatch
            )

    def forget_root(self, root: StrPath) -> "Forgotten":
        """Drop a root, its rows and what the journal knows of its files; the files stay.

        Args:
            root: Its id or its location.

        Raises:
            UsageError: There is no such root.
        """
        from eidetic.roots import forget_root

        with self._opening.writing("roots forget", wait_s=WAIT_S):
            return forget_root(self._opening, fspath(root))

    def doctor(
        self,
        *,
        fix: bool = False,
        sample: int = DEFAULT_SAMPLE,
        exclude: Sequence[str] = (),
        allow_mass_removal: bool = False,
    ) -> "Diagnosis":
        """Account for every file, row and journal entry, and measure the index's recall.

        Args:
            fix: Whether to mend what can be mended.
            sample: Rows that are looked for in the index; 0 for none.
            exclude: Shell patterns that the folders were ingested with, so that what they leave
                out is not missed.
            allow_mass_removal: Whether to drop rows even where they are most of a root's.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
            StoreError: Milvus failed.
        """
        from eidetic.doctor import examine

        turn = self._opening.writing("doctor --fix", wait_s=WAIT_S) if fix else nullcontext()
        with turn:
            return examine(
                self._opening,
                fix=fix,
                sample=sample,
                exclude=exclude,
                allow_mass_removal=allow_mass_removal,
            )
