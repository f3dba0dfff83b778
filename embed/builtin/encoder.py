"""The built-in dual encoder: two ONNX graphs, a tokenizer, and the facts about them."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from embed.encoder import unit
from embed.graphs import ImageGraph, TextGraph
from embed.resizing import Pixels, Resizing
from embed.scoring import Scoring
from schema.errors import ModelUnavailable
from schema.records import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DATA = Path(__file__).with_name("data")

TEXTS_PER_RUN = 256

_WAY_OUT = "Install eidetic again, or name another model with --model."


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What `model.json` says of the model.

    Attributes:
        image_size: Side in pixels of the square input.
        max_tokens: Texts are cut after this many subwords, the start token included.
        start_id: Token put before every text, so that the empty one has a vector too.
        logit_scale: Factor from cosine to logit that training ended with, for softmax over labels.
        checksums: File name to 32 hex digits of blake2b-128.
    """

    version: str
    dim: int
    image_size: int
    preprocessing: str
    max_tokens: int
    start_id: int
    pad_id: int
    logit_scale: float
    languages: tuple[str, ...]
    checksums: dict[str, str]


def read_facts(folder: Path) -> ModelFacts:
    """Read `model.json`.

    Raises:
        ModelUnavailable: The file is missing, or not what the training script writes.
    """
    path = folder / "model.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return ModelFacts(
            version=str(about["version"]),
            dim=int(about["dim"]),
            image_size=int(about["image_size"]),
            preprocessing=str(about["preprocessing"]),
            max_tokens=int(about["max_tokens"]),
            start_id=int(about["start_id"]),
            pad_id=int(about["pad_id"]),
            logit_scale=float(about["logit_scale"]),
            languages=tuple(about["languages"]),
            checksums=dict(about["checksums"]),
        )
    except OSError as error:
        raise ModelUnavailable(
            f"the built-in model cannot be read: {path}: {error.strerror}. {_WAY_OUT}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"the built-in model is damaged: {path} is not its description ({error!r}). {_WAY_OUT}"
        ) from error


class BuiltinEncoder:
    """Images and texts of several languages into one space, without torch or network.

    The image graph takes uint8 (n, size, size, 3) and normalises inside; the text graph takes
    int64 token ids (n, length). Each graph is loaded at its first use, so that a text query never
    pays for the image tower. One encoder may be used from many threads.

    Attributes:
        languages: ISO 639-1 codes of the languages the text tower was taught.
        scoring: A softmax over labels, at the scale that training ended with.

    Raises:
        ModelUnavailable: A data file is missing or damaged; graphs are checked at first use.
    """

    spec = "builtin"

    def __init__(self, *, intra_op_num_threads: int = 0, data: Path = DATA) -> None:
        """Read the description only.

        Args:
            intra_op_num_threads: Threads of one run; 0 takes every core.
            data: Folder of the model's files.
        """
        self._data = data
        self._threads = intra_op_num_threads
        self._facts = read_facts(data)
        self._loading = threading.RLock()
        self.dim = self._facts.dim
        self.image_size = self._facts.image_size
        # Squashing loses no part of the image; the training views were stretched both ways.
        self.resizing = Resizing.squash(self.image_size, Image.Resampling.BICUBIC, reducing_gap=4.0)
        self.languages = self._facts.languages
        self.scoring = Scoring(self._facts.logit_scale)
        self.fingerprint = f"builtin-{self._facts.version}-{self._facts.preprocessing}"

    def load_images(self) -> None:
        """See `embed.early.LoadsLate`."""
        _ = self._images

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Embed prepared images: shape (n, dim), float32, unit norm, in order."""
        if not batch:
            return np.empty((0, self.dim), dtype=np.float32)
        return unit(self._images.run(batch))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts of any length, the empty one included: shape (n, dim), float32, unit norm."""
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        graph, tokenizer = self._texts, self._tokenizer
        room = self._facts.max_tokens - 1
        parts = []
        for start in range(0, len(texts), TEXTS_PER_RUN):
            found = tokenizer.encode_batch(list(texts[start : start + TEXTS_PER_RUN]))
            rows = [[self._facts.start_id, *encoding.ids[:room]] for encoding in found]
            ids = np.full(
                (len(rows), max(len(row) for row in rows)), self._facts.pad_id, dtype=np.int64
            )
            for i, row in enumerate(rows):
                ids[i, : len(row)] = row
            parts.append(graph.run({"ids": ids}))
        return unit(np.concatenate(parts))

    @property
    def _images(self) -> ImageGraph:
        with self._loading:
            return self._loaded_images

    @property
    def _texts(self) -> TextGraph:
        with self._loading:
            return self._loaded_texts

    @property
    def _tokenizer(self) -> "Tokenizer":
        with self._loading:
            return self._loaded_tokenizer

    @cached_property
    def _loaded_images(self) -> ImageGraph:
        return ImageGraph(self._checked("image.onnx"), self._threads)

    @cached_property
    def _loaded_texts(self) -> TextGraph:
        return TextGraph(self._checked("text.onnx"), self._threads)

    @cached_property
    def _loaded_tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self._checked("tokenizer.json").decode("utf-8"))

    def _checked(self, name: str) -> bytes:
        """Return a data file's bytes once they match their checksum."""
        path = self._data / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelUnavailable(
                f"the built-in model cannot be read: {path}: {error.strerror}. {_WAY_OUT}"
            ) from error
        found = blake2b(content, digest_size=16).hexdigest()
        expected = self._facts.checksums.get(name)
        if found != expected:
            raise ModelUnavailable(
                f"the built-in model is damaged: {path} has {len(content)} bytes with checksum "
                f"{found}, not {expected}. {_WAY_OUT}"
            )
        return content
