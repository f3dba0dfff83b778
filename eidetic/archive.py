"""The Python face of Eidetic: open an archive, ingest into it, search it."""

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from types import TracebackType
from typing import Self

from eidetic.results import Hits, RootStatus, Status
from eidetic.settings import Settings, load_settings
from embed import RECOMMENDED, Encoder, describe, load_encoder, resolve
from embed.encoder import ToyEncoder
from ingest import (
    DEFAULT_BATCH_SIZE,
    IngestInterrupted,
    IngestReport,
    Journal,
    Progress,
    follow,
    ingest,
    plan_scopes,
    require_local,
)
from schema import (
    ArchiveMissing,
    Collection,
    Connection,
    MemoryStore,
    MilvusStore,
    NoUsableImage,
    Store,
    load_roots,
    save_roots,
)
from schema.milvus_store import check_archive_name
from search import (
    DEFAULT_K,
    Evaluation,
    Query,
    Row,
    build_query,
    evaluate,
    image_term,
    read_captions,
    search,
)

log = logging.getLogger("eidetic")

ROW_ID = re.compile("[0-9a-f]{40}")

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
        self._wanted_model = model
        self._store: MilvusStore | None = None
        self._encoder: Encoder | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the store; calling it twice is no error."""
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def collection(self) -> Collection:
        """What the archive's collection says of itself: its model, dimension, index."""
        return self._open().collection

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
        known = load_roots(self._roots_file)
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
            return self._rehearse(run)
        is_new = self._open_or_create()
        store = self._open()
        try:
            encoder = self._load_encoder()
            save_roots(self._roots_file, dict.fromkeys([*known, *(s.root for s in scopes)]))
            with Journal.open(self._journal_file, store.collection.uid) as journal:
                return run(store=store, encoder=encoder, journal=journal)
        except (NoUsableImage, IngestInterrupted):
            if is_new and store.count() == 0:
                # Nothing came of it: leave no empty archive behind that is bound to a model.
                self._forget()
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
        """Ingest paths as `ingest` does, then follow them: model, store and journal stay open.

        Args:
            stop: Ends it when set, after the batch in hand; without one it runs until Ctrl-C.

        Yields:
            The report of the first run, then one for each batch of changes.

        Raises:
            UsageError: A path is no folder or file of this machine.
            IngestInterrupted: Ctrl-C during a run; a bare KeyboardInterrupt between two.
        """
        known = load_roots(self._roots_file)
        scopes = plan_scopes([paths] if isinstance(paths, str | PathLike) else paths, known)
        require_local(scopes)
        self._open_or_create()
        store, encoder = self._open(), self._load_encoder()
        save_roots(self._roots_file, dict.fromkeys([*known, *(s.root for s in scopes)]))
        with Journal.open(self._journal_file, store.collection.uid) as journal:
            run = partial(
                ingest,
                store=store,
                encoder=encoder,
                journal=journal,
                workers=workers,
                batch_size=batch_size,
                prune=prune,
                allow_mass_prune=allow_mass_prune,
                exclude=exclude,
            )
            yield from follow(scopes, run, stop=stop or Event(), exclude=exclude, progress=progress)

    def search(
        self,
        text: str | Sequence[str] = (),
        *,
        images: Iterable[StrPath] = (),
        k: int = DEFAULT_K,
        offset: int = 0,
        where: str = "",
    ) -> Hits:
        """Find images by words, by images, or by both, averaged.

        Args:
            text: Words that say what the image shows, or several such texts.
            images: Image files to find the like of.
            k: How many hits.
            offset: How many of the best to pass over.
            where: A Milvus boolean expression over the fields of a row.

        Raises:
            UsageError: Nothing to look for, or a value out of its range.
            NoUsableImage: An image cannot be read.
            ArchiveMissing: Nothing has been ingested yet.
            ModelUnavailable: The archive's model cannot be loaded.
            StoreError: Milvus failed.
        """
        files = [fspath(image) for image in images]
        texts = [text] if isinstance(text, str) else list(text)
        query = build_query(texts, files, k=k, offset=offset, where=where)
        return self._answer(query, " ".join([*texts, *files]))

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
        return self._answer(Query((term,), k=k, offset=offset, where=where), name)

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
        return evaluate(captioned, store=self._open(), encoder=self._load_encoder())

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
        store = self._open()
        collection, connection = store.collection, store.connection
        with Journal.open(self._journal_file, collection.uid) as journal:
            skipped = journal.count_skipped()
        folder = self.settings.archive_dir
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
                for root in load_roots(self._roots_file)
            ),
            skipped=skipped,
            disk_bytes=sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()),
        )

    @property
    def _roots_file(self) -> Path:
        return self.settings.archive_dir / "roots.json"

    @property
    def _journal_file(self) -> Path:
        return self.settings.archive_dir / "journal.sqlite"

    def _answer(self, query: Query, asked: str) -> Hits:
        store = self._open()
        started = time.perf_counter()
        matches = search(query, store=store, encoder=self._load_encoder)
        took_ms = (time.perf_counter() - started) * 1000
        return Hits.of(
            matches,
            roots={root.id: root for root in load_roots(self._roots_file)},
            offset=query.offset,
            query=asked,
            model=store.collection.model,
            took_ms=took_ms,
            total_rows=store.count(),
        )

    def _rehearse(self, run: Callable[..., IngestReport]) -> IngestReport:
        """Run a dry run. It encodes nothing, so that any encoder's preparation will do."""
        encoder = ToyEncoder()
        with TemporaryDirectory() as folder:
            store: Store
            try:
                store = self._open()
                file = self._journal_file
            except ArchiveMissing:
                store = MemoryStore(Collection("new", "new", "", 0, "", "", 0))
                file = Path(folder) / "journal.sqlite"
            with Journal.open(file, store.collection.uid) as journal:
                return run(store=store, encoder=encoder, journal=journal)

    def _open(self) -> MilvusStore:
        """Open the store of an existing archive."""
        if self._store is None:
            uri = self.settings.store_uri
            if uri.rstrip("/").endswith(".db") and not os.path.exists(uri):  # noqa: PTH110
                raise ArchiveMissing(
                    f"there is no archive {self.settings.archive!r} in {Path(uri).parent}; "
                    f"make it with: eidetic --archive {self.settings.archive} ingest FOLDER"
                )
            connection = self._connect()
            try:
                store = MilvusStore.open(connection, self.settings.archive)
                self._check_model(store.collection)
            except BaseException:
                connection.close()
                raise
            self._store = store
        return self._store

    def _open_or_create(self) -> bool:
        """Open the store, making the archive if there is none; return whether it was made."""
        try:
            self._open()
        except ArchiveMissing:
            self._create()
            return True
        return False

    def _create(self) -> None:
        spec = resolve(self._wanted_model or self.settings.model or RECOMMENDED)
        log.info("a new archive %r with the model %s", self.settings.archive, describe(spec))
        self._encoder = load_encoder(spec)
        connection = self._connect()
        try:
            self._store = MilvusStore.create(
                connection,
                self.settings.archive,
                model=self._encoder.spec,
                dim=self._encoder.dim,
                fingerprint=self._encoder.fingerprint,
            )
        except BaseException:
            connection.close()
            raise

    def _connect(self) -> Connection:
        return Connection(self.settings.store_uri, token=self.settings.token)

    def _check_model(self, collection: Collection) -> None:
        if self._wanted_model is not None:
            collection.require(
                model=resolve(self._wanted_model),
                dim=collection.dim,
                fingerprint=collection.fingerprint,
            )

    def _load_encoder(self) -> Encoder:
        if self._encoder is None:
            collection = self._open().collection
            encoder = load_encoder(collection.model)
            collection.require(model=encoder.spec, dim=encoder.dim, fingerprint=encoder.fingerprint)
            self._encoder = encoder
        return self._encoder

    def _forget(self) -> None:
        """Drop the archive's collection and its local files."""
        store = self._open()
        store.drop()
        self.close()
        for file in (self._roots_file, self._journal_file):
            file.unlink(missing_ok=True)
