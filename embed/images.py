"""Decoding an image once and for all: the same pixels for indexing and for a query.

Upright, sRGB, RGB, at reduced scale where the format can: libjpeg decodes a JPEG at 1/2, 1/4 or
1/8 by leaving out coefficients of its cosine transform, five times faster for a 12-megapixel
photograph (see docs/adr/0002-decode-once-reduced.md).
"""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from PIL import Image

from embed.formats import HEAD_BYTES, is_jxl, refusal_at_sight
from embed.header import ImageHeader
from embed.jxl import JxlFile
from embed.pillow_file import PillowFile
from embed.raw import RawFile, is_raw
from embed.refusals import too_large, unreadable
from schema.errors import ImageUnreadable

MAX_FILE_BYTES = 1 << 30
"""A file is read whole, in ingestion one per worker: this bounds what a run holds at worst."""

LEAST_MAX_PIXELS, MOST_MAX_PIXELS = 64_000_000, 300_000_000
"""Bounds of the pixel limit: what any camera makes is read on any machine, and a small file that
unfolds to gigabytes is refused on every one."""

BYTES_PER_PIXEL = 25
"""What one pixel takes at its worst, measured: 25 in JPEG XL and JPEG 2000 and 21 in other formats
where there is transparency, up to 21 of 16 and more bits, 8 to 19 of plain colours."""

SHARE_OF_MEMORY = 0.25

_PILLOW = r"PIL\."
_PILLOW_IS_QUIET = ("ignore", None, Warning, re.compile(_PILLOW), 0)


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """An image ready to be prepared for any encoder, and its header.

    Attributes:
        image: Mode RGB, sRGB, upright; possibly smaller than the file's image.
        width: Of the file's image; this and the following are as in `ImageHeader`.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    exif: Image.Exif
    xmp: bytes = b""
    iptc: bytes = b""


class _OpenedFile(Protocol):
    """A file whose header has been read, whichever library reads it."""

    def choose_scale(self, target_size: int) -> int: ...
    def decode(self) -> Image.Image: ...
    def header(self) -> ImageHeader: ...


def decode_image(data: bytes, *, target_size: int, max_pixels: int) -> DecodedImage:
    """Decode the first frame of an image file. Safe to call from many threads.

    Args:
        data: The file's bytes.
        target_size: Pixels of the model's input; the image is decoded to at least twice that on
            its shorter side, where it has them.
        max_pixels: Limit on what is decoded; a file that can be decoded smaller counts with less,
            see `PillowFile.choose_scale` and `RawFile.choose_scale`.

    Raises:
        ImageUnreadable: The bytes are no image that can be read, and why.
    """
    with _refusals(data):
        opened = _open(data)
        if opened.choose_scale(target_size) > max_pixels:
            header = opened.header()
            raise too_large(header.width, header.height, max_pixels)
        image = opened.decode()
        header = opened.header()
    return DecodedImage(
        image,
        header.width,
        header.height,
        header.format,
        header.exif,
        header.xmp,
        header.iptc,
    )


def read_header(data: bytes) -> ImageHeader:
    """Return what an image file says of itself, without decoding it.

    Raises:
        ImageUnreadable: The header is of no image that can be read, and why.
    """
    with _refusals(data):
        return _open(data).header()


def _open(data: bytes) -> _OpenedFile:
    refusal = refusal_at_sight(data[:HEAD_BYTES])
    if refusal is not None:
        raise refusal
    if is_jxl(data):
        return JxlFile(data)
    return RawFile(data) if is_raw(data) else PillowFile(data)


@contextmanager
def _refusals(data: bytes) -> Iterator[None]:
    """Let nothing through but `ImageUnreadable`.

    The boundary to the libraries that decode: hostile bytes can raise anything in them, and all of
    it means that this one file cannot be read.
    """
    _hush_pillow()
    try:
        yield
    except ImageUnreadable:
        raise
    except Exception as error:
        raise unreadable(error, data) from error


@lru_cache(maxsize=1)
def default_max_pixels() -> int:
    """Return the pixel limit for this machine.

    A quarter of the memory, shared by one decoding process per core at `BYTES_PER_PIXEL`, but
    within `LEAST_MAX_PIXELS` and `MOST_MAX_PIXELS`.
    """
    pixels = int(_memory_bytes() * SHARE_OF_MEMORY / (os.cpu_count() or 1) / BYTES_PER_PIXEL)
    return min(max(pixels, LEAST_MAX_PIXELS), MOST_MAX_PIXELS)


def _memory_bytes() -> int:
    """Memory of the machine, or of the container where that has a limit (cgroup v2)."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(installed, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        return installed


def _hush_pillow() -> None:
    """Ignore Pillow's warnings: of files that it then reads or refuses, which is all that counts.

    `warnings.catch_warnings` is not for threads. The filter is put in place here, and not once
    for all, since tests and servers reset the filters; as a rule it is there already.
    """
    if warnings.filters[:1] != [_PILLOW_IS_QUIET]:
        warnings.filterwarnings("ignore", module=_PILLOW)
