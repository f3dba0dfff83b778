"""Image files of many formats, in memory."""

import io
from functools import cache

import numpy as np
from PIL import ExifTags, Image

from tests.raw_files import dng


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file, in any format that can be written here."""
    if kind == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    if kind == "JXL":
        import pillow_jxl  # noqa: F401
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def ramp(width: int = 120, height: int = 80) -> Image.Image:
    """Dark at the left, bright at the right, red at the top."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 1:] = np.linspace(0, 255, width).astype(np.uint8)[None, :, None]
    pixels[: height // 4, :, 0] = 255
    return Image.fromarray(pixels)


def exif_of(**tags: object) -> Image.Exif:
    """EXIF by the names of its tags."""
    exif = Image.Exif()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    return exif


@cache
def sample(kind: str) -> bytes:
    """A file of 120 x 80 pixels; "DNG" is a camera RAW without preview."""
    if kind == "DNG":
        return dng(np.asarray(ramp()))
    return encode(ramp(), kind)
