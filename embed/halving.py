"""Half precision for images, where the vectors that a model gives for probes stay close."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from embed.resizing import Pixels, Resizing
from schema.records import Vectors

MIN_COSINE_IN_HALF = 0.9995
"""Between a vector in half precision and the model's own. What errors of this size do to recall is
in docs/benchmarks.md."""

EncodeImages = Callable[[Sequence[Pixels]], Vectors]
"""See `embed.encoder.Encoder.encode_images`."""


def is_close(lowest: float | None) -> bool:
    """Return whether half precision will do, by its `lowest_cosine`; ``None`` is no cosine."""
    return lowest is not None and lowest >= MIN_COSINE_IN_HALF


def probe_images(resizing: Resizing) -> list[Pixels]:
    """Return nine images of a model's input size to compare vectors of: from slow change alone to
    detail alone. Each has shape (height, width, 3), uint8.
    """
    size = (resizing.width, resizing.height)
    rng = np.random.default_rng(0)
    images = []
    for grain in ((3, 3), (12, 12), size):
        noise = rng.integers(0, 256, (3, *grain[::-1], 3), dtype=np.uint8)
        enlarged = (Image.fromarray(each).resize(size, Image.Resampling.BICUBIC) for each in noise)
        images += [np.asarray(each) for each in enlarged]
    return images


def lowest_cosine(ones: Vectors, others: Vectors) -> float:
    """Return the least cosine of two lists of vectors, one by one: shapes (n, dim), n at least 1,
    float32, unit norm.
    """
    return float(np.einsum("nd,nd->n", ones, others).min())
