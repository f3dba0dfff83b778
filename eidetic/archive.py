"""The Python face of Eidetic: open an archive, ingest into it, search it."""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from eidetic.doctor import DEFAULT_SAMPLE, Diagnosis, examine
from eidetic.opening import Opening
from eidetic.results import Hits, RootStatus, Status
from eidetic.roots import (
    Forgotten,
    Moved,
    RootState,
    adopting,
    find_root,
    forget_root,
    list_roots,
    move_root,
)
from eidetic.settings import Settings, load_settings
from eidetic.show import ROW_ID, Facts, show
from eidetic.watching import watch
from embed.encoder import ToyEncoder
from ingest import (
    DEFAULT_BATCH_SIZE,
    IngestInterrupted,
    IngestReport,
    Progress,
    ingest,
    plan_scopes,
)
from schema import (
    ArchiveMissing,
    Collection,
    NoUsableImage,
    load_roots,
)
from schema.milvus_store import check_archive_name
from search import (
    DEFAULT_K,
    DEFAULT_TEMPLATE,
    Classification,
    Evaluation,
    Query,
    Row,
    answer,
    build_query,
    classify,
    compare,
    evaluate,
    image_term,
    read_captions,
)

StrPath = str | PathLike[str]


def open(
    archive: str | None = None,
    *,
    model: str | None = None,
    uri: str | None = None,
    data_dir: StrPath | None = None,
    token: str | None = None,
) -> "Archive":
    """Open an archive by name; nothing is read or made until it is used.

    What is not given comes from the environment, the settings file, then the defaults.

    Args:
        archive: Its name: a letter, then at most 63 letters, digits and underscores.
        model: Model spec for a new archive; an existing one knows its own and refuses another.
        uri: Address of a Milvus server; by default rows are embedded in the data folder.
        data_dir: Folder that holds a folder per archive.
        token: ``USER:PASSWORD`` or API key of the server.

    Raises:
        UsageError: A name or setting that cannot be used.
    """
    settings = load_settings(
        {
            "archive": archive,
            "uri": uri,
            "data_dir": None if data_dir is None else fspath(data_dir),
            "token": token,
        }
    )
    return Archive(settings, model=model)


class Archive:
    """An archive by name. Use it in a ``with`` statement, or `close` it.

    The store is opened by the first call that needs it and the model by the first that encodes;
    both stay open until `close`.
    """

    def __init__(self, settings: Settings, *, model: str | None = None) -> None:
        """Take the settings of an archive.

        Args:
            settings: Where it is; its model is that of a new archive.
            model: The model the archive must have; ``None`` for whichever it has.
        """
        check_archive_name(settings.archive)
        self.settings = settings
        self._opening = Opening(settings, model)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the store; calling it twice is no error."""
        self._opening.close()

    @property
    def collection(self) -> Collection:
        """What the archive's collection says of itself: its model, dimension, index."""
        return self._opening.store().collection

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
    ) -> IngestReport:
        """Index what is new or changed under some paths, and drop what is gone.

        Args:
            paths: Folders, images, packed files or URLs of such, or one of them.
            workers: Threads that decode; by default one per core.
            batch_size: Images per call of the encoder.
            prune: Whether to drop the rows of files that are gone.
            allow_mass_prune: Whether to drop them even where they are most of a root's.
            dry_run: Whether to say what would be done and write nothing.
            exclude: Shell patterns of names or paths to leave out.
            progress: Told of every file.

        Raises:
            UsageError: A path does not exist, or pruning would drop most of a root.
            ArchiveMismatch: The archive was made with another model.
            ModelUnavailable: The model cannot be loaded.
            NoUsableImage: There is no image to index.
            StoreError: Milvus failed; what it had acknowledged stays.
            IngestInterrupted: Ctrl-C; carries the report so far.
        """
        known = load_roots(self.settings.roots_file)
        # A text is iterable too, letter by letter: "/home" would begin with the whole disk.
        scopes = plan_scopes([paths] if isinstance(paths, str | PathLike) else paths, known)
        run = partial(
            ingest,
            scopes,
            workers=workers,
            batch_size=batch_size,
            prune=prune,
            allow_mass_prune=allow_mass_prune,
            dry_run=dry_run,
            exclude=exclude,
            progress=progress,
        )
        if dry_run:
            with self._opening.rehearsal() as (rehearsed, journal):
                # Nothing is encoded, so that any encoder's preparation will do.
                return run(store=rehearsed, encoder=ToyEncoder(), journal=journal)
        store, is_new = self._opening.store_or_new()
        try:
            encoder = self._opening.encoder()
            with adopting(self._opening, scopes), self._opening.journal() as journal:
                return run(store=store, encoder=encoder, journal=journal)
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
        batch of changes.

        Args:
            stop: Ends it when set, after the batch in hand; without one it runs until Ctrl-C.
        """
        run = partial(
            ingest,
            workers=workers,
            batch_size=batch_size,
            prune=prune,
            allow_mass_prune=allow_mass_prune,
            exclude=exclude,
        )
        yield from watch(self._opening, paths, run, stop, exclude=exclude, progress=progress)

    def search(
        self,
        text: str | Sequence[str] = (),
        *,
        images: Iterable[StrPath] = (),
        k: int = DEFAULT_K,
        offset: int = 0,
        where: str = "",
        local_files: bool = True,
    ) -> Hits:
        """Find images by words, by images, or by both, averaged; filters alone list rows.

        Args:
            text: A query in the language of `search.grammar`, as in "dogs -people date:2019", or
                several queries that count together.
            images: Image files to find the like of.
            k: How many hits.
            offset: How many of the best to pass over.
            where: A Milvus boolean expression over the fields of a row.
            local_files: Whether the text may name image files of this machine.

        Raises:
            QuerySyntaxError: The text cannot be read as a query.
            UsageError: Nothing to look for, or a value out of its range.
            NoUsableImage: An image cannot be read.
            ArchiveMissing: Nothing has been ingested yet.
            ModelUnavailable: The archive's model cannot be loaded.
            StoreError: Milvus failed.
        """
        files = [fspath(image) for image in images]
        query = build_query(text, files, k=k, offset=offset, where=where, local_files=local_files)
        return self._answer(query)

    def similar(
        self, image: StrPath, *, k: int = DEFAULT_K, offset: int = 0, where: str = ""
    ) -> Hits:
        """Find the images most like an image file, or like a row by its id.

        Raises:
            NoUsableImage: The image cannot be read.
            UsageError: No row has this id, or a value is out of its range.
        """
        name = fspath(image)
        is_id = ROW_ID.fullmatch(name) and not Path(name).exists()
        term = Row(name) if is_id else image_term(name)
        return self._answer(Query((term,), k=k, offset=offset, where=where, text=name))

    def classify(
        self,
        paths: StrPath | Iterable[StrPath],
        labels: Sequence[str],
        *,
        template: str = DEFAULT_TEMPLATE,
    ) -> Classification:
        """Score labels for image files, which need not be in the archive, nor be there one.

        Args:
            paths: Image files, or one.
            labels: At least one, without duplicates.
            template: What is said of an image; ``{}`` stands for the label.

        Raises:
            UsageError: The labels or the template cannot be used, or the model takes images only.
            NoUsableImage: None of the files can be read.
            ArchiveMissing: There is neither an archive nor a model.
            ModelUnavailable: The model cannot be loaded.
        """
        several = [paths] if isinstance(paths, str | PathLike) else paths
        files = [Path(fspath(path)) for path in several]
        return classify(files, labels, encoder=self._opening.any_encoder, template=template)

    def compare(self, a: StrPath, b: StrPath, *, text: bool = False) -> float:
        """Return the cosine similarity of two images, or of an image and words, in [-1, 1].

        Neither need be in the archive, nor be there one.

        Args:
            a: The path of an image or, as a text that names no file, words.
            b: The same.
            text: Whether ``b`` is words even where there is a file of that name.

        Raises:
            UsageError: There is no image among them, or the model takes images only.
            NoUsableImage: An image cannot be read.
            ArchiveMissing: There is neither an archive nor a model.
            ModelUnavailable: The model cannot be loaded.
        """
        return compare(a, b, encoder=self._opening.any_encoder, text=text)

    def evaluate(self, captions: StrPath, *, language: str = "en") -> Evaluation:
        """Measure how well the archive is found by captions of its images.

        Args:
            captions: JSON Lines, see `search.read_captions`.
            language: Which captions to use, by code.

        Raises:
            UsageError: The file cannot be read or is of another form.
            NoUsableImage: None of its images is in the archive.
        """
        captioned = read_captions(Path(fspath(captions)), language)
        return evaluate(captioned, store=self._opening.store(), encoder=self._opening.encoder())

    def report_as_dict(self, report: IngestReport) -> dict[str, object]:
        """Return a report under the keys of the command line's contract.

        After a dry run without an archive, model and collection are ``None``.
        """
        try:
            collection = self.collection
        except ArchiveMissing:
            return report.as_dict() | {"model": None, "collection": None}
        return report.as_dict() | {"model": collection.model, "collection": collection.name}

    def status(self) -> Status:
        """Return what the archive holds, with which model, and where.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
        """
        store = self._opening.store()
        collection, connection = store.collection, store.connection
        with self._opening.journal() as journal:
            skipped = journal.count_skipped()
        return Status(
            archive=self.settings.archive,
            model=collection.model,
            dim=collection.dim,
            rows=store.count(),
            collection=collection.name,
            index=collection.index,
            store=connection.version,
            uri=connection.uri,
            capabilities={"bm25": connection.capabilities.bm25},
            roots=tuple(
                RootStatus(root.id, root.location, store.count(f'root == "{root.id}"'))
                for root in load_roots(self.settings.roots_file)
            ),
            skipped=skipped,
            disk_bytes=self._opening.disk_bytes(),
        )

    def show(self, image: StrPath) -> Facts:
        """Return everything known of one image, by its path or by the id of a row.

        Raises:
            ArchiveError: The archive knows nothing of it.
        """
        return show(self._opening, fspath(image))

    def roots(self) -> tuple[RootState, ...]:
        """Return the archive's roots, those that only its rows know of among them."""
        return list_roots(self._opening)

    def find_root(self, root: StrPath) -> RootState:
        """Return a root by its id or its location.

        Raises:
            UsageError: There is no such root; the message names those there are.
        """
        return find_root(self._opening, fspath(root))

    def move_root(self, root: StrPath, folder: StrPath, *, allow_mismatch: bool = False) -> Moved:
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
        return move_root(self._opening, fspath(root), fspath(folder), allow_mismatch=allow_mismatch)

    def forget_root(self, root: StrPath) -> Forgotten:
        """Drop a root, its rows and what the journal knows of its files; the files stay.

        Args:
            root: Its id or its location.

        Raises:
            UsageError: There is no such root.
        """
        return forget_root(self._opening, fspath(root))

    def doctor(
        self,
        *,
        fix: bool = False,
        sample: int = DEFAULT_SAMPLE,
        exclude: Sequence[str] = (),
        allow_mass_removal: bool = False,
    ) -> Diagnosis:
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
        return examine(
            self._opening,
            fix=fix,
            sample=sample,
            exclude=exclude,
            allow_mass_removal=allow_mass_removal,
        )

    def _answer(self, query: Query) -> Hits:
        store = self._opening.store()
        started = time.perf_counter()
        matches = answer(query, store=store, encoder=self._opening.encoder)
        took_ms = (time.perf_counter() - started) * 1000
        return Hits.of(
            matches,
            roots={root.id: root for root in load_roots(self.settings.roots_file)},
            offset=query.offset,
            query=query.text,
            model=store.collection.model,
            took_ms=took_ms,
            total_rows=store.count(),
        )
