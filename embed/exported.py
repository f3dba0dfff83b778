"""The encoder of a model that was exported: its graphs on the CPU, without torch."""

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from embed.cleaning import CLEANING
from embed.encoder import Encoder, unit
from embed.exports import IMAGES, TEXTS, TOKENIZER, Manifest, TokenRules
from embed.graphs import ImageGraph, TextGraph
from embed.resizing import Pixels
from embed.scoring import takes_no_words
from schema.errors import ModelUnavailable
from schema.records import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEXTS_PER_RUN = 256

Loaded = TypeVar("Loaded")


class ExportedEncoder:
    """What a model gives, from the graphs that `embed.exporting` made of it.

    Each graph is loaded at its first use, so that a text query never pays for the image tower. One
    encoder may be used from many threads.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        threads: int | None = None,
        images: Callable[[], Encoder] | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            folder: The export.
            manifest: Its own.
            threads: Cores that one call takes; by default all.
            images: Loads what encodes images in place of the image graph, where that is quicker.
        """
        self._folder = folder
        self._tokens = manifest.tokens
        self._threads = threads or 0
        self._engine = manifest.engine
        self._half = manifest.half
        self._images_elsewhere = images
        self._loading = threading.RLock()
        self.spec = manifest.spec
        self.dim = manifest.dim
        self.fingerprint = manifest.fingerprint
        self.resizing = manifest.resizing
        self.scoring = manifest.scoring
        self.image_size = max(self.resizing.width, self.resizing.height)

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Shape (n, dim), float32, unit norm."""
        if not batch:
            return np.empty((0, self.dim), dtype=np.float32)
        images = self._loaded_images()
        if isinstance(images, ImageGraph):
            return unit(images.run(batch))
        return images.encode_images(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, dim), float32, unit norm; longer texts are cut as by the model itself.

        Raises:
            UsageError: The model takes images only.
        """
        if self._tokens is None:
            raise takes_no_words(self.spec)
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        with self._loading:
            graph, tokenizer = self._texts, self._tokenizer
        starts = range(0, len(texts), TEXTS_PER_RUN)
        batches = (tokenize(tokenizer, self._tokens, texts[s : s + TEXTS_PER_RUN]) for s in starts)
        return unit(np.concatenate([graph.run(batch) for batch in batches]))

    def load_images(self) -> None:
        """See `embed.early.LoadsLate`; torch, which is not for a thread beside, is left alone."""
        if self._images_elsewhere is None:
            self._loaded_images()

    @property
    def precision(self) -> str | None:
        """What images are computed in (`ImageGraph.precision`); None where torch computes them."""
        images = self._loaded_images()
        return images.precision if isinstance(images, ImageGraph) else None

    def _loaded_images(self) -> "ImageGraph | Encoder":
        with self._loading:
            return self._images

    @cached_property
    def _images(self) -> "ImageGraph | Encoder":
        if self._images_elsewhere is not None:
            return self._images_elsewhere()
        return self._loaded(
            IMAGES,
            lambda file: ImageGraph(file, self._threads, engine=self._engine, half=self._half),
        )

    @cached_property
    def _texts(self) -> TextGraph:
        # A query is one text: to lay the weights out anew takes longer than it saves.
        return self._loaded(TEXTS, lambda file: TextGraph(file, self._threads, prepack=False))

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        return self._loaded(TOKENIZER, lambda file: Tokenizer.from_file(str(file)))

    def _loaded(self, name: str, load: Callable[[Path], Loaded]) -> Loaded:
        # The boundary to the engines and tokenizers: whatever they raise, the file is damaged.
        try:
            return load(self._folder / name)
        except Exception as error:
            raise ModelUnavailable(
                f"{self.spec}: what was prepared of it cannot be read ({self._folder / name}: "
                f"{(str(error).splitlines() or [''])[0]}); remove it with: eidetic models warm "
                f"--remove {self.spec}; without --remove it is made anew"
            ) from error


def tokenize(
    tokenizer: "Tokenizer", rules: TokenRules, texts: Sequence[str]
) -> dict[str, NDArray[np.int64]]:
    """Return the inputs of a text tower: ``ids`` and, where it is masked, ``mask``; (n, length)."""
    clean = CLEANING[rules.cleaning]
    found = tokenizer.encode_batch([clean(text) for text in texts])
    ids = np.array([encoding.ids for encoding in found], dtype=np.int64)
    if rules.erased is not None:
        ids[ids == rules.erased] = 0
    if not rules.masked:
        return {"ids": ids}
    return {"ids": ids, "mask": np.array([e.attention_mask for e in found], dtype=np.int64)}
