"""Whether a model works here, and how fast it is."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from embed.encoder import Encoder, TextEncoder
from embed.load import load_model
from schema.errors import ModelUnavailable
from schema.records import Vectors

SAMPLES = 8
"""Images, and texts, that are encoded."""

_SIDE = 512


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What came of trying a model.

    Attributes:
        dim: Length of a vector.
        image_size: Pixels of the longer side of the input; ``None`` for a model that takes words
            only.
        takes_images: Whether an archive can be made with this model.
        takes_words: Whether it encodes texts.
        load_s: Seconds from the spec to the encoder; includes a download where there was one.
        images_per_second: Of prepared images, in one batch after a first one; decoding is not
            in it. ``None`` for a model that takes words only.
        texts_per_second: The same of texts; ``None`` for a model that takes images only.
    """

    spec: str
    dim: int
    image_size: int | None
    fingerprint: str
    takes_images: bool
    takes_words: bool
    load_s: float
    images_per_second: float | None
    texts_per_second: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return every fact by name."""
        return asdict(self)


def check_model(spec: str) -> ModelCheck:
    """Load a model and encode a few images and texts with it.

    Raises:
        ModelUnavailable: It cannot be loaded, or its vectors are of no use.
    """
    started = time.perf_counter()
    encoder = load_model(spec)
    load_s = time.perf_counter() - started
    image_size, images_per_second, texts_per_second = None, None, None
    takes_words = True
    if isinstance(encoder, Encoder):
        image_size, takes_words = encoder.image_size, encoder.scoring is not None
        images = [encoder.resizing.apply(image) for image in _images()]
        images_per_second = _rate(encoder, partial(encoder.encode_images, images))
    if takes_words:
        texts = [f"an image of {count} dogs" for count in range(SAMPLES)]
        texts_per_second = _rate(encoder, partial(encoder.encode_texts, texts))
    return ModelCheck(
        spec=encoder.spec,
        dim=encoder.dim,
        image_size=image_size,
        fingerprint=encoder.fingerprint,
        takes_images=image_size is not None,
        takes_words=takes_words,
        load_s=load_s,
        images_per_second=images_per_second,
        texts_per_second=texts_per_second,
    )


def _rate(encoder: TextEncoder, encode: Callable[[], Vectors]) -> float:
    """Return how many samples are encoded in a second, once the vectors are sound."""
    try:
        vectors = encode()
    except ValueError as error:
        raise ModelUnavailable(f"{encoder.spec} cannot be used: {error}") from error
    if vectors.shape != (SAMPLES, encoder.dim):
        raise ModelUnavailable(
            f"{encoder.spec} cannot be used: {SAMPLES} samples gave vectors of shape "
            f"{vectors.shape}, not {(SAMPLES, encoder.dim)}"
        )
    started = time.perf_counter()
    encode()
    return SAMPLES / (time.perf_counter() - started)


def _images() -> list[Image.Image]:
    """Return soft noise, drawn from a fixed seed."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (SAMPLES, 6, 8, 3), dtype=np.uint8)
    return [Image.fromarray(pixels).resize((_SIDE, _SIDE)) for pixels in coarse]
