"""Bytes of images, whoever sent them, to pixels: always in processes that may die of them."""

import io
from typing import Literal

from embed import Encoder, Pixels, Resizing, default_max_pixels
from ingest.decoding import FrameJob, Job
from ingest.decoding_pool import DecodingPool
from schema import ImageUnreadable
from search import PreparedImage

Kind = Literal["webp", "jpeg"]

QUALITY = {"webp": 80, "jpeg": 88}
"""On a scale to 100: where people looking at a grid and a screen no longer see the difference."""


class Decoder:
    """Decodes by the very code of ingestion, in its worker processes. Safe in many threads."""

    def __init__(self, *, time_limit_s: float) -> None:
        """Start no process yet.

        Args:
            time_limit_s: For one image.
        """
        self._pool = DecodingPool(time_limit_s=time_limit_s)

    def prepare(self, data: bytes, name: str, encoder: Encoder) -> PreparedImage:
        """Return an image to look for the like of.

        Raises:
            ImageUnreadable: The bytes are no image that can be read, and why.
        """
        try:
            pixels = self._decode(data, name, encoder.resizing, encoder.image_size)
        except ImageUnreadable as error:
            detail = f"query image {name}: {error.detail}"
            raise ImageUnreadable(error.reason, detail) from error
        return PreparedImage(pixels, name)

    def shrink(self, data: bytes, side: int, kind: Kind) -> bytes:
        """Return an image file for a screen: upright, sRGB, of at most ``side`` pixels a side.

        Raises:
            ImageUnreadable: The bytes are no image that can be read, and why.
        """
        return _encode(self._decode(data, "", Resizing.within(side), side), kind)

    def shrink_frame(self, path: str, format: str, offset_ms: int, side: int, kind: Kind) -> bytes:
        """Return a frame of a video as an image file, see `shrink`.

        Args:
            format: See `embed.video_formats.video_format`.
        """
        job = FrameJob(path, format, offset_ms, Resizing.within(side), default_max_pixels())
        return _encode(self._pool.show(job), kind)

    def close(self) -> None:
        """End the processes; calling it twice is no error."""
        self._pool.close()

    def _decode(self, data: bytes, name: str, resizing: Resizing, target_size: int) -> Pixels:
        job = Job(b"", resizing, target_size, default_max_pixels())
        pixels = self._pool.decode(job, data, name=name).pixels
        if pixels is None:
            raise ValueError(f"{name}: decoded without pixels")
        return pixels


def _encode(pixels: Pixels, kind: Kind) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    # method 2 of 0 to 6: a quarter of the time of the default 4, and a tenth more bytes.
    options = {"method": 2} if kind == "webp" else {"optimize": True}
    Image.fromarray(pixels).save(file, kind, quality=QUALITY[kind], **options)
    return file.getvalue()
