"""The seam between images or words and unit vectors, and a shipped fake of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embed.resizing import Pixels, Resizing
from embed.scoring import Scoring
from schema.records import Vector, Vectors


class TextEncoder(Protocol):
    """Turns words into vectors.

    Attributes:
        spec: The model spec that loads this encoder again.
        dim: Length of a vector.
        fingerprint: Names the preparation. Vectors of different fingerprints do not mix.
    """

    @property
    def spec(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: shape (len(texts), dim), float32, unit norm, in order.

        Raises:
            UsageError: The model takes images only.
        """
        ...


@runtime_checkable
class Encoder(TextEncoder, Protocol):
    """Turns images and words into vectors of one space.

    Attributes:
        resizing: How an upright RGB image becomes the model's input; can be sent to another
            process.
        image_size: Pixels of the longer side of that input; decoding at reduced scale must keep at
            least twice this on the shorter side.
        scoring: How a cosine of image and text becomes a probability; ``None`` where the model
            takes images only.
    """

    @property
    def resizing(self) -> Resizing: ...
    @property
    def image_size(self) -> int: ...
    @property
    def scoring(self) -> Scoring | None: ...

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Embed prepared images: shape (len(batch), dim), float32, unit norm, in order."""
        ...


@dataclass(frozen=True, slots=True)
class TextTower:
    """The words' half of a dual encoder."""

    encoder: Encoder

    @property
    def spec(self) -> str:
        return self.encoder.spec

    @property
    def dim(self) -> int:
        return self.encoder.dim

    @property
    def fingerprint(self) -> str:
        return self.encoder.fingerprint

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self.encoder.encode_texts(texts)


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Scale rows to unit L2 norm: shape (n, dim) in and out, float32 out.

    Raises:
        ValueError: A row is zero or not finite, so it has no direction.
    """
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        raise ValueError("a vector is zero or not finite; the encoder's output has no direction")
    return np.ascontiguousarray(vectors / norms, dtype=np.float32)


class ToyEncoder:
    """A deterministic encoder without a model, for exact tests of everything around one.

    An image's vector is its 4 x 4 grid of mean colours (less mid-grey); a text's is the vector of
    a plain image of the colour it names, else a direction drawn from its hash. So "red" finds red
    images, and equal pixels give equal vectors.
    """

    spec = "toy"
    dim = 48
    image_size = 32
    resizing = Resizing.squash(32, Image.Resampling.BOX)
    fingerprint = "toy-1"
    scoring = Scoring(10.0)

    COLOURS: ClassVar[Mapping[str, tuple[int, int, int]]] = {
        "red": (255, 0, 0),
        "green": (0, 255, 0),
        "blue": (0, 0, 255),
        "yellow": (255, 255, 0),
        "white": (255, 255, 255),
        "black": (0, 0, 0),
    }

    def encode_images(self, batch: Sequence[Pixels]) -> Vectors:
        """Shape (n, 48), float32, unit norm."""
        pixels = np.stack([np.asarray(p, dtype=np.float64) for p in batch])
        cells = pixels.reshape(len(batch), 4, 8, 4, 8, 3).mean(axis=(2, 4))
        return unit(cells.reshape(len(batch), self.dim) - 127.25)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, 48), float32, unit norm."""
        return np.stack([self._encode_text(text) for text in texts])

    def _encode_text(self, text: str) -> Vector:
        for word in text.lower().split():
            if word in self.COLOURS:
                plain = Image.new("RGB", (self.image_size, self.image_size), self.COLOURS[word])
                vector: Vector = self.encode_images([self.resizing.apply(plain)])[0]
                return vector
        seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        direction: Vector = unit(np.random.default_rng(seed).standard_normal((1, self.dim)))[0]
        return direction
