"""The store and the encoder of one archive, each opened by the first call that needs it."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from eidetic.held_descriptions import HeldDescriptions
from eidetic.settings import Settings
from eidetic.turns import Turn, writing
from embed import (
    RECOMMENDED,
    Encoder,
    TextEncoder,
    describe,
    load_encoder,
    load_model,
    loading_images,
    resolve,
)
from ingest import Journal
from schema import (
    ArchiveMismatch,
    ArchiveMissing,
    Collection,
    Connection,
    MemoryStore,
    MilvusStore,
    Store,
    load_roots,
)
from schema.index import DEFAULT_PROFILE, usable_profile
from schema.milvus_collection import find_collection
from schema.store import packed
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
        self._query_encoder: Encoder | None = None
        self.descriptions = HeldDescriptions(self.store, settings)
        self.calibration = Calibration(settings.archive_dir)

    def close(self) -> None:
        """Release the store; calling it twice is no error."""
        self.descriptions.close()
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
            self._require_folder()
            connection = self._connect()
            try:
                store = MilvusStore.open(connection, self.settings.archive)
                self._check_model(store.collection)
            except BaseException:
                connection.close()
                raise
            self._store = store
        return self._store

    def store_or_new(self, *, embeds_here: bool = True) -> tuple[MilvusStore, bool]:
        """Return the store, making the archive if there is none, and whether it was made.

        Args:
            embeds_here: Whether this process is about to embed images.
        """
        try:
            store = self.store()
        except ArchiveMissing:
            return self._create(embeds_here=embeds_here), True
        held, wanted = store.collection.index, self.settings.index
        if wanted and wanted != held:
            log.warning(
                "the archive has the index %s and keeps it; change it with: %s migrate --index %s",
                held,
                self.settings.command,
                wanted,
            )
        return store, False

    def store_for(self, origin: Collection) -> tuple[MilvusStore, bool]:
        """Return a store that holds vectors of the same model, making the archive if there is none,
        and whether it was made. No model is loaded.

        Raises:
            ArchiveMismatch: The archive has vectors of another model or pre-processing.
        """
        try:
            store = self.store()
        except ArchiveMissing:
            connection = self._connect()
            try:
                self._store = MilvusStore.create(
                    connection,
                    self.settings.archive,
                    model=origin.model,
                    dim=origin.dim,
                    fingerprint=origin.fingerprint,
                    index=usable_profile(origin.index, embedded=connection.embedded),
                    vectors=self.settings.vectors or "float32",
                    neutral="" if connection.embedded else origin.neutral,
                )
            except BaseException:
                connection.close()
                raise
            return self._store, True
        store.collection.require(model=origin.model, dim=origin.dim, fingerprint=origin.fingerprint)
        return store, False

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

    def upgrade(self, encoder: Encoder, images: int) -> Encoder:
        """Return the archive's encoder for many images, see `eidetic.warming.warmed`."""
        from eidetic.warming import warmed

        self._encoder = warmed(encoder, images)
        return self._encoder

    def query_encoder(self) -> Encoder:
        """Return what encodes queries: the archive's encoder, with the words of the text model if
        the settings name one.

        Raises:
            ModelUnavailable: It cannot be loaded.
            ArchiveMismatch: The text model does not share the archive's image tower.
            NoUsableImage: Too few of the archive's images can be read to know.
        """
        collection = self.store().collection
        spec = resolve(self.settings.text_model) if self.settings.text_model else collection.model
        if spec == collection.model:
            return self.encoder()
        if self._query_encoder is None:
            from eidetic.text_towers import load_words, require_same_tower
            from embed.swapped import SwappedEncoder

            words = load_words(spec, collection)
            require_same_tower(
                words,
                store=self.store(),
                roots=load_roots(self.settings.roots_file),
                file=self.settings.text_models_file,
            )
            self._query_encoder = SwappedEncoder(self.encoder, words)
        return self._query_encoder

    @property
    def query_model(self) -> str:
        """The spec of the model whose words ask the archive."""
        given = self.settings.text_model
        return resolve(given) if given else self.store().collection.model

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

    def sentence_encoder(self) -> TextEncoder | None:
        """Return the wanted model's encoder, if there is one and it takes words only."""
        if self._wanted_model is None:
            return None
        model = load_model(resolve(self._wanted_model))
        return None if isinstance(model, Encoder) else model

    @contextmanager
    def writing(self, doing: str, *, wait_s: float = 0.0) -> Iterator[Turn]:
        """Hold the archive's right to write, see `eidetic.turns.writing`.

        What is open is let go of if the archive was migrated since: its writes would be lost.
        """
        with writing(self.settings.writer_file, doing, wait_s=wait_s) as turn:
            self._let_go_if_migrated()
            yield turn

    @contextmanager
    def migrating(self) -> Iterator[tuple[Connection, Turn]]:
        """Lend a connection of its own to a migration, of which there is one at a time.

        Raises:
            ArchiveMissing: There is no archive.
            ArchiveBusy: Another process is migrating it.
        """
        self._require_folder()
        with writing(self.settings.migration_file, "migrate") as turn:
            self.close()
            self._encoder = self._query_encoder = None
            with self._connect() as connection:
                yield connection, turn

    def encoder_of(self, model: str) -> Encoder:
        """Return a model's encoder, whatever the archive has.

        Raises:
            ModelUnavailable: It cannot be loaded.
        """
        return load_encoder(resolve(model))

    def neutral(self, encoder: Encoder) -> str:
        """Return what is neutral to a model, see `schema.store.Collection`."""
        if encoder.scoring is None:
            return ""
        return packed(self.calibration.captions(encoder).mean(axis=0))

    def journal(self) -> Journal:
        """Return the journal of the archive's collection, open; the caller closes it.

        Raises:
            ArchiveMismatch: The archive was migrated since it was opened here: its journal is that
                of another collection, and would be replaced.
        """
        store = self.store()
        now = find_collection(store.connection, self.settings.archive, version=None)
        if now is not None and now.uid != store.collection.uid:
            raise ArchiveMismatch(
                f"the archive {self.settings.archive!r} has been migrated to {now.model} since "
                "this process opened it; start it again"
            )
        return Journal.open(self.settings.journal_file, store.collection.uid)

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
        """Drop the archive's collections and its local files."""
        self.descriptions.drop()
        self.store().drop()
        self.close()
        settings = self.settings
        for file in (settings.roots_file, settings.journal_file, settings.text_models_file):
            file.unlink(missing_ok=True)

    def _require_folder(self) -> None:
        uri = self.settings.store_uri
        if uri.rstrip("/").endswith(".db") and not os.path.exists(uri):  # noqa: PTH110
            raise ArchiveMissing(
                f"there is no archive {self.settings.archive!r} in {Path(uri).parent}; "
                f"make it with: eidetic --archive {self.settings.archive} ingest FOLDER"
            )

    def _let_go_if_migrated(self) -> None:
        """Close the store and forget the model where another collection has taken its place."""
        if self._store is None:
            return
        now = find_collection(self._store.connection, self.settings.archive, version=None)
        if now is None or now.uid != self._store.collection.uid:
            log.info("the archive has been migrated meanwhile; it is opened anew")
            self.close()
            self._encoder = self._query_encoder = None

    def _loose(self, model: str) -> Encoder:
        """Return a model's encoder; kept apart, as no archive has been asked about it."""
        if self._loose_encoder is None:
            self._loose_encoder = load_encoder(resolve(model))
        return self._loose_encoder

    def _create(self, *, embeds_here: bool) -> MilvusStore:
        spec = resolve(self._wanted_model or self.settings.model or RECOMMENDED)
        log.info("a new archive %r with the model %s", self.settings.archive, describe(spec))
        self._encoder = load_encoder(spec)
        with ExitStack() as beside:
            if embeds_here:
                # Starting the embedded store takes one core some seconds.
                beside.enter_context(loading_images(self._encoder))
            connection = self._connect()
            try:
                self._store = MilvusStore.create(
                    connection,
                    self.settings.archive,
                    model=self._encoder.spec,
                    dim=self._encoder.dim,
                    fingerprint=self._encoder.fingerprint,
                    index=self.settings.index or DEFAULT_PROFILE,
                    vectors=self.settings.vectors or "float32",
                    # The embedded store gives vectors as quickly as anything else of a row.
                    neutral="" if connection.embedded else self.neutral(self._encoder),
                )
            except BaseException:
                connection.close()
                raise
        return self._store

    def _connect(self) -> Connection:
        settings = self.settings
        return Connection(
            settings.store_uri,
            token=settings.token,
            certificates=settings.tls_ca,
            replicas=settings.replicas,
        )

    def _check_model(self, collection: Collection) -> None:
        if self._wanted_model is not None:
            collection.require(
                model=resolve(self._wanted_model),
                dim=collection.dim,
                fingerprint=collection.fingerprint,
            )
