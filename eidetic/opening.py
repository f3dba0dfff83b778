"""The store and the encoder of one archive, each opened by the first call that needs it."""

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from eidetic.settings import Settings
from eidetic.turns import writing
from embed import RECOMMENDED, Encoder, describe, load_encoder, resolve
from ingest import Journal
from schema import ArchiveMissing, Collection, Connection, MemoryStore, MilvusStore, Store
from search import Calibration

log = logging.getLogger("eidetic")


class Opening:
    """What of an archive is open. Both stay open until `close`."""

    def __init__(self, settings: Settings, wanted_model: str | None) -> None:
        """Open nothing yet.

        Args:
            settings: Where the archive is; its model is that of a new archive.
            wanted_model: The model the archive must have; ``None`` for whichever it has.
        """
        self.settings = settings
        self._wanted_model = wanted_model
        self._store: MilvusStore | None = None
        self._encoder: Encoder | None = None
        self._loose_encoder: Encoder | None = None
        self.calibration = Calibration(settings.archive_dir)

    def close(self) -> None:
        """Release the store; calling it twice is no error."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def store(self) -> MilvusStore:
        """Return the store of an existing archive.

        Raises:
            ArchiveMissing: Nothing has been ingested yet.
            ArchiveMismatch: The archive has another model than the wanted one.
        """
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

    def store_or_new(self) -> tuple[MilvusStore, bool]:
        """Return the store, making the archive if there is none, and whether it was made."""
        try:
            return self.store(), False
        except ArchiveMissing:
            return self._create(), True

    def encoder(self) -> Encoder:
        """Return the archive's encoder.

        Raises:
            ModelUnavailable: It cannot be loaded.
            ArchiveMismatch: It is no longer the one that made the archive's vectors.
        """
        if self._encoder is None:
            collection = self.store().collection
            encoder = load_encoder(collection.model)
            collection.require(model=encoder.spec, dim=encoder.dim, fingerprint=encoder.fingerprint)
            self._encoder = encoder
        return self._encoder

    def any_encoder(self) -> Encoder:
        """Return an encoder for images that need not be in an archive.

        That is the wanted model's, else the archive's, else that of the settings.

        Raises:
            ModelUnavailable: It cannot be loaded.
            ArchiveMissing: Nothing says which model; the message says how to.
        """
        if self._wanted_model is not None:
            return self._loose(self._wanted_model)
        try:
            return self.encoder()
        except ArchiveMissing as error:
            if self.settings.model:
                return self._loose(self.settings.model)
            raise ArchiveMissing(
                f"{error}; or name a model: --model builtin, or another of `eidetic models`"
            ) from error

    def writing(self, doing: str, *, wait_s: float = 0.0) -> AbstractContextManager[None]:
        """Hold the archive's right to write, see `eidetic.turns.writing`."""
        return writing(self.settings.archive_dir / "writer.lock", doing, wait_s=wait_s)

    def journal(self) -> Journal:
        """Return the journal of the archive's collection, open; the caller closes it."""
        return Journal.open(self.settings.journal_file, self.store().collection.uid)

    @contextmanager
    def rehearsal(self) -> Iterator[tuple[Store, Journal]]:
        """Lend a store and a journal for a dry run: empty ones where there is no archive yet."""
        with TemporaryDirectory() as folder:
            store: Store
            try:
                store, file = self.store(), self.settings.journal_file
            except ArchiveMissing:
                store = MemoryStore(Collection("new", "new", "", 0, "", "", 0))
                file = Path(folder) / "journal.sqlite"
            with Journal.open(file, store.collection.uid) as journal:
                yield store, journal

    def disk_bytes(self) -> int:
        """Return the bytes of the archive's data folder; rows on a server are not among them."""
        files = (f for f in self.settings.archive_dir.rglob("*") if f.is_file())
        return sum(file.stat().st_size for file in files)

    def drop(self) -> None:
        """Drop the archive's collection and its local files."""
        self.store().drop()
        self.close()
        for file in (self.settings.roots_file, self.settings.journal_file):
            file.unlink(missing_ok=True)

    def _loose(self, model: str) -> Encoder:
        """Return a model's encoder; kept apart, as no archive has been asked about it."""
        if self._loose_encoder is None:
            self._loose_encoder = load_encoder(resolve(model))
        return self._loose_encoder

    def _create(self) -> MilvusStore:
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
        return self._store

    def _connect(self) -> Connection:
        return Connection(self.settings.store_uri, token=self.settings.token)

    def _check_model(self, collection: Collection) -> None:
        if self._wanted_model is not None:
            collection.require(
                model=resolve(self._wanted_model),
                dim=collection.dim,
                fingerprint=collection.fingerprint,
            )
