"""Camera RAW files made of nothing: a small DNG that libraw takes for one, with or without preview.

Tags, types and their order: TIFF 6.0; CFA and DNG tags: Adobe, Digital Negative 1.4.
"""

import io
import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED, _SRATIONAL = 1, 2, 3, 4, 5, 7, 10
_CODES = {
    _BYTE: "B",
    _ASCII: "B",
    _UNDEFINED: "B",
    _SHORT: "H",
    _LONG: "I",
    _RATIONAL: "II",
    _SRATIONAL: "ii",
}

Tag = tuple[int, Sequence[int]]
"""A field's type and its values; rationals as numerator, denominator, numerator ..."""


def scene(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """A red sky over green, brighter to the right: tells all eight orientations apart."""
    pixels = np.zeros((height, width, 3), np.uint8)
    light = np.linspace(60, 250, width).astype(np.uint8)
    pixels[: height // 2, :, 0] = light
    pixels[height // 2 :, :, 1] = light
    return pixels


def dng(
    pixels: NDArray[np.uint8],
    *,
    orientation: int = 1,
    preview: bytes = b"",
    xmp: bytes = b"",
    make: bytes = b"Eidetic",
) -> bytes:
    """A DNG whose RGGB mosaic shows ``pixels``; the preview JPEG is the first image, as usual."""
    height, width, _ = pixels.shape
    mosaic = np.zeros((height, width), "<u2")
    for channel, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        mosaic[row::2, column::2] = pixels[row::2, column::2, channel]
    # The sensor is linear, the display is not.
    mosaic = (65535 * (mosaic / 255.0) ** 2.2).astype("<u2")
    raw: dict[int, Tag] = {
        254: (_LONG, [0]),
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [16]),
        259: (_SHORT, [1]),
        262: (_SHORT, [32803]),
        277: (_SHORT, [1]),
        278: (_LONG, [height]),
        33421: (_SHORT, [2, 2]),
        33422: (_BYTE, [0, 1, 1, 2]),
        50714: (_SHORT, [0]),
        50717: (_LONG, [65535]),
    }
    first: dict[int, Tag] = {
        271: (_ASCII, [*make, 0]),
        272: (_ASCII, [*b"Synthetic One", 0]),
        274: (_SHORT, [orientation]),
        50706: (_BYTE, [1, 4, 0, 0]),
        50707: (_BYTE, [1, 1, 0, 0]),
        50708: (_ASCII, [*b"Eidetic Synthetic One", 0]),
        50721: (_SRATIONAL, [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]),
        50728: (_RATIONAL, [1, 1, 1, 1, 1, 1]),
        50778: (_SHORT, [21]),
    }
    if xmp:
        first[700] = (_BYTE, list(xmp))
    if not preview:
        return tiff([({**first, **raw}, mosaic.tobytes())])
    size = Image.open(io.BytesIO(preview)).size
    first |= {
        254: (_LONG, [1]),
        256: (_LONG, [size[0]]),
        257: (_LONG, [size[1]]),
        258: (_SHORT, [8, 8, 8]),
        259: (_SHORT, [7]),
        262: (_SHORT, [6]),
        277: (_SHORT, [3]),
        278: (_LONG, [size[1]]),
    }
    return tiff([(first, preview), (raw, mosaic.tobytes())])


def tiff(images: Sequence[tuple[Mapping[int, Tag], bytes]]) -> bytes:
    """A little-endian TIFF: the first image's directory, the others as its sub-directories.

    The strip of each image and the tags that point to it are added.
    """
    place = 8
    strips, starts = b"", []
    for _, strip in images:
        starts.append(place)
        strips += strip + bytes(len(strip) % 2)
        place = 8 + len(strips)
    directories, below = b"", []
    for number in reversed(range(len(images))):
        tags = dict(images[number][0])
        tags[273] = (_LONG, [starts[number]])
        tags[279] = (_LONG, [len(images[number][1])])
        if number == 0 and below:
            tags[330] = (_LONG, below[::-1])
        directory = _directory(tags, place)
        below.append(place)
        directories += directory
        place += len(directory)
    return struct.pack("<2sHI", b"II", 42, below[-1]) + strips + directories


def _directory(tags: Mapping[int, Tag], at: int) -> bytes:
    entries, values = b"", b""
    beyond = at + 2 + 12 * len(tags) + 4
    for tag, (kind, numbers) in sorted(tags.items()):
        code = _CODES[kind]
        count = len(numbers) // len(code)
        value = struct.pack(f"<{code[0] * len(numbers)}", *numbers)
        if len(value) > 4:
            place = struct.pack("<I", beyond + len(values))
            values += value + bytes(len(value) % 2)
            value = place
        entries += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + values
