"""Images made smaller for people to see."""

import numpy as np
import pytest
from PIL import Image

from embed import Resizing


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((400, 200), (100, 50)),
        ((200, 400), (50, 100)),
        ((100, 100), (100, 100)),
        ((30, 20), (30, 20)),
        ((10_000, 3), (100, 1)),
    ],
)
def test_an_image_is_fitted_and_never_made_larger(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    pixels = Resizing.within(100).apply(Image.new("RGB", size, "red"))
    assert pixels.shape == (fitted[1], fitted[0], 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[0, 0], (255, 0, 0))
