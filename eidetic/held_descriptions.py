"""The descriptions of one archive and their encoder, each opened when first needed."""

from collections.abc import Callable

from eidetic.settings import Settings
from embed import TextEncoder, load_text_encoder
from schema import ArchiveMismatch, ArchiveMissing, DescriptionStore, MilvusStore
from search import DescribedRows


class HeldDescriptions:
    """What of an archive's descriptions is open. The store stays open until `close`."""

    def __init__(self, store: Callable[[], MilvusStore], settings: Settings) -> None:
        """Open nothing yet.

        Args:
            store: Gives the archive's rows.
            settings: Where the archive is.
        """
        self._store = store
        self._settings = settings
        self._held: DescriptionStore | None = None
        self._encoder: TextEncoder | None = None

    def close(self) -> None:
        """Let go of the store; calling it twice is no error."""
        if self._held is not None:
            self._held.settle()
            self._held = None

    def open(self) -> DescriptionStore | None:
        """Return the archive's descriptions; ``None`` where it has none."""
        if self._held is None:
            self._held = DescriptionStore.open(self._store().connection, self._settings.archive)
        return self._held

    def make(self, encoder: TextEncoder) -> DescriptionStore:
        """Make the collection of descriptions for an encoder's vectors, in place of any other."""
        self.drop()
        self._encoder = encoder
        self._held = DescriptionStore.create(
            self._store().connection,
            self._settings.archive,
            model=encoder.spec,
            dim=encoder.dim,
            fingerprint=encoder.fingerprint,
        )
        return self._held

    def drop(self) -> int:
        """Drop the archive's descriptions, and return how many there were."""
        held = self.open()
        count = 0
        if held is not None:
            count = held.count()
            held.drop()
        self._held = self._encoder = None
        return count

    def rows(self) -> DescribedRows:
        """Return the archive as its descriptions show it.

        Raises:
            ArchiveMissing: It has no descriptions.
        """
        held = self.open()
        if held is None:
            raise ArchiveMissing(
                f"the archive {self._settings.archive!r} has no descriptions to search; make them "
                f"with: {self._settings.command} descriptions refresh"
            )
        return DescribedRows(self._store(), held)

    def encoder(self) -> TextEncoder:
        """Return the encoder that made them.

        Raises:
            ModelUnavailable: It cannot be loaded.
            ArchiveMissing: The archive has no descriptions.
            ArchiveMismatch: It is no longer the one that made them.
        """
        if self._encoder is None:
            held = self.rows().collection
            encoder = load_text_encoder(held.model)
            if (encoder.dim, encoder.fingerprint) != (held.dim, held.fingerprint):
                raise ArchiveMismatch(
                    f"the descriptions were made by another state of the model {held.model} "
                    f"({held.fingerprint}, {held.dim} dimensions; it is {encoder.fingerprint} with "
                    f"{encoder.dim} now); make them anew with: {self._settings.command} "
                    "descriptions refresh"
                )
            self._encoder = encoder
        return self._encoder
