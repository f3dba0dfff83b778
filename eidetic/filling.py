"""How images get into an archive: ingest paths, and follow them."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from os import PathLike
from threading import Event

from eidetic.part import Part, StrPath
from embed.encoder import ToyEncoder
from ingest import DEFAULT_BATCH_SIZE, IngestInterrupted, IngestReport, Progress
from schema import ArchiveMissing, NoUsableImage, load_roots


class Filling(Part):
    """The methods of an archive that put images into it."""

    def ingest(
        self,
        paths: StrPath | Iterable[StrPath],
        *,
        workers: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        prune: bool = True,
        allow_mass_prune: bool = False,
        dry_run: bool = False,
        exclude: Sequence[str] = (),
        progress: Progress | None = None,
        runner: str = "",
        ray_address: str = "",
    ) -> IngestReport:
        """Index what is new or changed under some paths, and drop what is gone.

        Args:
            paths: Folders, images, packed files or URLs of such, or one of them.
            workers: Threads that decode, by default one per core; on Ray, workers that embed, by
                default one per machine or GPU.
            batch_size: Images per call of the encoder.
            prune: Whether to drop the rows of files that are gone.
            allow_mass_prune: Whether to drop them even where they are most of a root's.
            dry_run: Whether to say what would be done and write nothing.
            exclude: Shell patterns of names or paths to leave out.
            progress: Told of every file.
            runner: "local" or "ray"; by default that of the settings.
            ray_address: ``HOST:PORT`` of a Ray cluster's head; by default that of the settings or
                of RAY_ADDRESS, else Ray is started on this machine for the run.

        Raises:
            UsageError: A path does not exist, pruning would drop most of a root, or Ray is not
                installed.
            ArchiveMismatch: The archive was made with another model.
            ModelUnavailable: The model cannot be loaded.
            NoUsableImage: There is no image to index.
            ArchiveBusy: Another process is writing into the archive.
            StoreError: Milvus failed; what it had acknowledged stays.
            IngestInterrupted: Ctrl-C; carries the report so far.
        """
        from eidetic.roots import adopting
        from ingest import choose_runner, ingest, plan_scopes

        known = load_roots(self.settings.roots_file)
        # A text is iterable too, letter by letter: "/home" would begin with the whole disk.
        scopes = plan_scopes([paths] if isinstance(paths, str | PathLike) else paths, known)
        runner = runner or self.settings.runner
        run = partial(
            ingest,
            scopes,
            runner=choose_runner(runner, ray_address or self.settings.ray_address),
            workers=workers,
            batch_size=batch_size,
            prune=prune,
            allow_mass_prune=allow_mass_prune,
            dry_run=dry_run,
            exclude=exclude,
        )
        if dry_run:
            with self._opening.rehearsal() as (rehearsed, journal):
                # Nothing is encoded, so that any encoder's preparation will do.
                return run(
                    store=rehearsed, encoder=ToyEncoder(), journal=journal, progress=progress
                )
        with self._opening.writing("ingest") as turn:
            store, is_new = self._opening.store_or_new(embeds_here=runner == "local")
            try:
                encoder = self._opening.encoder()
                with adopting(self._opening, scopes), self._opening.journal() as journal:
                    return run(
                        store=store,
                        encoder=encoder,
                        journal=journal,
                        progress=turn.beside(progress),
                        # Elsewhere each worker loads its own.
                        upgrade=self._opening.upgrade if runner == "local" else None,
                    )
            except (NoUsableImage, IngestInterrupted):
                if is_new and store.count() == 0:
                    # Nothing came of it: leave no empty archive behind that is bound to a model.
                    self._opening.drop()
                raise

    def watch(
        self,
        paths: StrPath | Iterable[StrPath],
        *,
        stop: Event | None = None,
        workers: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        prune: bool = True,
        allow_mass_prune: bool = False,
        exclude: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Iterator[IngestReport]:
        """Ingest paths as `ingest` does and then follow them; yields a report of that and of each
        batch of changes. That is done on this machine, whatever the settings' runner.

        Args:
            stop: Ends it when set, after the batch in hand; without one it runs until Ctrl-C.
        """
        from eidetic.watching import watch
        from ingest import ingest

        run = partial(
            ingest,
            workers=workers,
            batch_size=batch_size,
            prune=prune,
            allow_mass_prune=allow_mass_prune,
            exclude=exclude,
        )
        yield from watch(self._opening, paths, run, stop, exclude=exclude, progress=progress)

    def report_as_dict(self, report: IngestReport) -> dict[str, object]:
        """Return a report under the keys of the command line's contract.

        After a dry run without an archive, model and collection are ``None``.
        """
        try:
            collection = self._opening.store().collection
        except ArchiveMissing:
            return report.as_dict() | {"model": None, "collection": None}
        return report.as_dict() | {"model": collection.model, "collection": collection.name}
