"""Images that are judged one by one, from their files to a model's input."""

from embed.encoder import Encoder
from embed.images import decode_image, default_max_pixels
from embed.resizing import Pixels
from schema.errors import ImageUnreadable, NoUsableImage, SkipReason
from search.query import Image

_WHOLE = 1_000_000
"""A target size no image has twice of, so that nothing is decoded at reduced scale."""


def prepare_whole(image: Image, encoder: Encoder) -> Pixels:
    """Decode an image at its full size and prepare it, so that scores equal the model's own.

    Ingestion decodes large JPEGs at reduced scale, which moves a probability by a thousandth or
    two. An image beyond the limit on pixels is decoded as in ingestion, where it is within it so.

    Raises:
        NoUsableImage: It cannot be decoded; the message names it.
    """
    limit = default_max_pixels()
    try:
        try:
            decoded = decode_image(image.data, target_size=_WHOLE, max_pixels=limit)
        except ImageUnreadable as error:
            if error.reason is not SkipReason.TOO_LARGE:
                raise
            decoded = decode_image(image.data, target_size=encoder.image_size, max_pixels=limit)
    except ImageUnreadable as error:
        raise NoUsableImage(f"image {image.name}: {error}") from error
    return encoder.resizing.apply(decoded.image)
