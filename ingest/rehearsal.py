"""Stand-ins for a dry run: what reads is real, what embeds or writes does nothing."""

from collections.abc import Iterator, Sequence

import numpy as np

from embed.encoder import Encoder
from embed.resizing import Pixels
from schema.filters import Filter
from schema.records import Embedded, ImageRecord, Match, Vector, Vectors, Worded
from schema.store import Collection, Store


class ReadOnlyStore:
    """A store whose rows stay as they are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def collection(self) -> Collection:
        return self._store.collection

    @property
    def can_match_words(self) -> bool:
        return self._store.can_match_words

    @property
    def writes_at_once(self) -> int:
        return 1

    def upsert(self, rows: Sequence[Embedded]) -> int:  # noqa: ARG002
        return 0

    def delete(self, ids: Sequence[str]) -> None:
        pass

    def get(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        return self._store.get(ids)

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        return self._store.vectors(ids)

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        where: str = "",
        filters: Sequence[Filter] = (),
        offset: int = 0,
        with_vectors: bool = False,
    ) -> list[list[Match]]:
        return self._store.search(
            queries, k, where=where, filters=filters, offset=offset, with_vectors=with_vectors
        )

    def match_words(
        self, words: str, k: int, *, where: str = "", filters: Sequence[Filter] = ()
    ) -> list[Worded]:
        return self._store.match_words(words, k, where=where, filters=filters)

    def iterate(self, where: str = "", filters: Sequence[Filter] = ()) -> Iterator[ImageRecord]:
        return self._store.iterate(where, filters)

    def iterate_vectors(self, where: str = "") -> Iterator[tuple[list[str], Vectors]]:
        return self._store.iterate_vectors(where)

    def sample_vectors(self, n: int) -> Vectors:
        return self._store.sample_vectors(n)

    def count(self, where: str = "") -> int:
        return self._store.count(where)

    def close(self) -> None:
        self._store.close()


class IdleEncoder:
    """An encoder that embeds nothing: its vectors are zero, and never written."""

    def __init__(self, encoder: Encoder) -> None:
        self.spec = encoder.spec
        self.dim = encoder.dim
        self.resizing = encoder.resizing
        self.image_size = encoder.image_size
        self.fingerprint = encoder.fingerprint
        self.scoring = encoder.scoring

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        return np.zeros((len(batch), self.dim), dtype=np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return np.zeros((len(texts), self.dim), dtype=np.float32)
