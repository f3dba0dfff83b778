"""How an archive's rows go elsewhere: to another machine as a file, and to another collection."""

from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING

from eidetic.migrated import Migrated, Wanted
from eidetic.own_models import spelled_out
from eidetic.part import Part, StrPath
from ingest import DEFAULT_BATCH_SIZE, Progress
from schema import Collection

if TYPE_CHECKING:
    from eidetic.exporting import Exported
    from eidetic.importing import Imported


class Carrying(Part):
    """The methods of an archive that carry its rows to another machine, model or version."""

    def export_rows(
        self,
        file: StrPath,
        *,
        where: str = "",
        vectors: bool = True,
        replace: bool = False,
    ) -> "Exported":
        """Write rows and vectors into a Parquet file, which appears when it is whole.

        Args:
            file: Its path.
            where: A Milvus boolean expression over the fields; "" for all rows.
            vectors: Whether to write them; without them the file cannot be imported.
            replace: Whether a file that is there may be replaced.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
            UsageError: The file cannot be written, or the filter cannot be read.
            StoreError: Milvus failed; there is no file.
        """
        from eidetic.exporting import export_rows

        return export_rows(
            self._opening, Path(fspath(file)), where=where, vectors=vectors, replace=replace
        )

    def import_rows(self, file: StrPath, *, progress: Progress | None = None) -> "Imported":
        """Take in the rows of a file that `export_rows` wrote, under the same ids.

        Makes the archive if there is none; nothing is embedded, and no model is needed. Rows that
        are here already and say the same stay as they are; others of the same id are replaced.

        Args:
            progress: Told of every row.

        Raises:
            UsageError: The file is damaged, not Eidetic's, of a newer one, or has no vectors.
            ArchiveMismatch: The archive has another model or pre-processing than the file.
            ArchiveBusy: Another process is writing into the archive.
            StoreError: Milvus failed, or has not all rows; what it acknowledged stays.
        """
        from eidetic.importing import import_rows

        return import_rows(self._opening, Path(fspath(file)), progress)

    def migrate(
        self,
        model: str | None = None,
        *,
        index: str | None = None,
        allow_loss: bool = False,
        workers: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        progress: Progress | None = None,
    ) -> Migrated:
        """Fill a second collection from the same files, and let it take the first one's place.

        The first one serves meanwhile, and others may write into it; what they write is caught up
        with before the switch. It is kept until `drop_previous`. A run that was cut short goes on
        where it stopped. Where only the version of the fields or the index is another, rows are
        copied with their vectors, and neither files nor model are needed.

        Args:
            model: Spec of the new model; by default that of the unfinished migration, or the
                archive's own.
            index: Name of the new index profile; by default as it is.
            allow_loss: Whether to switch even where many rows' files cannot be embedded now, or
                the new index misses more than it should.
            workers: Threads that decode; by default one per core.
            batch_size: Images per call of the encoder.
            progress: Told of every file.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
            ArchiveBusy: Another process is migrating the archive.
            UsageError: There is nothing to migrate, another migration is unfinished, or too many
                rows would be lost; nothing was switched.
            ModelUnavailable: The model cannot be loaded.
            StoreError: Milvus failed; what it had acknowledged stays, and nothing was switched.
            IngestInterrupted: Ctrl-C; nothing was switched.
        """
        from eidetic.migration import migrate

        wanted = Wanted(
            model=None if model is None else spelled_out(model),
            index=index,
            allow_loss=allow_loss,
            workers=workers,
            batch_size=batch_size,
        )
        return migrate(self._opening, wanted, progress)

    def drop_previous(self) -> Collection:
        """Drop the collection that served before the last migration, and return what it was.

        Raises:
            ArchiveMissing: There is none.
        """
        from eidetic.migration import drop_previous

        return drop_previous(self._opening)

    def abandon_migration(self) -> Collection:
        """Drop the collection of an unfinished migration, and return what it was.

        Raises:
            ArchiveMissing: There is none.
        """
        from eidetic.migration import abandon

        return abandon(self._opening)
