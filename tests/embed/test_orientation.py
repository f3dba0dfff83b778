"""Real images of every EXIF orientation mean the same to the model that is shipped."""

from pathlib import Path

import numpy as np
import pytest

from embed import decode_image
from embed.builtin import BuiltinEncoder


@pytest.mark.kit
@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_the_eight_orientations_of_an_image_have_one_vector(kit: Path, shape: str) -> None:
    encoder = BuiltinEncoder()
    files = sorted((kit / "formats" / "orientation").rglob(f"{shape}_[1-8].jpg"))
    assert len(files) == 8
    pixels = []
    for file in files:
        decoded = decode_image(
            file.read_bytes(), target_size=encoder.image_size, max_pixels=50_000_000
        )
        pixels.append(encoder.resizing.apply(decoded.image))
    vectors = encoder.encode_images(pixels)
    assert float(np.min(vectors @ vectors.T)) >= 0.99
