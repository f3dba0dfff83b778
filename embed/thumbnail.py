"""A small image of an image, for pages and tools: upright, sRGB, nothing but pixels."""

import io
from pathlib import Path

from PIL import Image

from embed.images import decode_image, default_max_pixels

MEDIA_TYPE = "image/webp"

QUALITY = 80
"""Of libwebp's 100; above it a thumbnail grows and looks the same."""


def make_thumbnail(data: bytes, *, side: int, max_pixels: int | None = None) -> bytes:
    """Return an image as a small WebP file; see `shrink` and `as_webp`."""
    return as_webp(shrink(data, side=side, max_pixels=max_pixels))


def shrink(data: bytes, *, side: int, max_pixels: int | None = None) -> Image.Image:
    """Return an image made small: mode RGB, sRGB, upright. Safe to call from many threads.

    Args:
        data: The image file's bytes, in any format that is indexed.
        side: Pixels of the longer side at most; a smaller image keeps its size.
        max_pixels: Limit on what is decoded, see `decode_image`; by default that of this machine.

    Raises:
        ImageUnreadable: The bytes are no image that can be read, and why.
    """
    limit = default_max_pixels() if max_pixels is None else max_pixels
    # Decoding leaves twice the shorter side that is asked for: more than the filter needs here.
    image = decode_image(data, target_size=side, max_pixels=limit).image
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def shrink_frame(path: str, format: str, offset_ms: int, *, side: int) -> Image.Image:
    """Return a frame of a video made small, see `shrink`.

    Args:
        format: See `embed.video_formats.video_format`.

    Raises:
        ImageUnreadable: The file is no video that can be read, and why.
        OSError: It cannot be opened.
    """
    from embed.video import frame_at

    with Path(path).open("rb") as file:
        image = frame_at(file, format, offset_ms, max_pixels=default_max_pixels())
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def as_webp(image: Image.Image) -> bytes:
    """Return the bytes of a WebP file.

    No metadata is carried over: a thumbnail does not tell where its image was taken.
    """
    file = io.BytesIO()
    image.save(file, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=None)
    return file.getvalue()
