"""Images as the bytes that a terminal draws them from."""

import io
from base64 import b64encode
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eidetic.cli.terminal import Graphics

KITTY_CHUNK_BYTES = 4096
"""Of base64, as the protocol demands of each escape code."""

SIXEL_COLOURS = 255
"""What the VT340's successors take, less one for those that count the background."""

BAND = 6
"""Rows that one character of sixel data stands for."""


def drawing(image: Image.Image, graphics: Graphics) -> bytes:
    """Return what makes a terminal draw an image where its cursor is.

    Args:
        image: Mode RGB; it is drawn pixel by pixel.
    """
    if graphics is Graphics.KITTY:
        return b"".join(_kitty(_png(image)))
    if graphics is Graphics.ITERM2:
        return _iterm2(image)
    return b"".join(_sixel(image))


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _kitty(png: bytes) -> Iterator[bytes]:
    """Yield kitty's graphics protocol: transmit and display, PNG, and no answer is wanted."""
    data = b64encode(png)
    for start in range(0, len(data), KITTY_CHUNK_BYTES):
        keys = b"a=T,f=100,q=2," if start == 0 else b"q=2,"
        more = b"m=1" if start + KITTY_CHUNK_BYTES < len(data) else b"m=0"
        yield b"\x1b_G" + keys + more + b";" + data[start : start + KITTY_CHUNK_BYTES] + b"\x1b\\"


def _iterm2(image: Image.Image) -> bytes:
    png, (width, height) = _png(image), image.size
    keys = f"inline=1;size={len(png)};width={width}px;height={height}px"
    return b"\x1b]1337;File=" + keys.encode() + b":" + b64encode(png) + b"\x07"


def _sixel(image: Image.Image) -> Iterator[bytes]:
    """Yield sixel data, pixels square, in the colours of an adapted palette."""
    reduced = image.quantize(SIXEL_COLOURS, method=Image.Quantize.MEDIANCUT)
    pixels = np.asarray(reduced)
    palette = np.asarray(reduced.getpalette(), dtype=np.int64).reshape(-1, 3)
    height, width = pixels.shape
    yield f'\x1bP0;1q"1;1;{width};{height}'.encode()
    for number in np.unique(pixels):
        red, green, blue = (palette[number] * 100 + 127) // 255
        yield f"#{number};2;{red};{green};{blue}".encode()
    for top in range(0, height, BAND):
        band = pixels[top : top + BAND]
        weights = (1 << np.arange(len(band), dtype=np.uint8))[:, None]
        for number in np.unique(band):
            columns = ((band == number) * weights).sum(axis=0) + 63
            # "$" goes back to the band's left, for the next colour over it.
            yield f"#{number}".encode() + _run_lengths(columns.astype(np.uint8)) + b"$"
        yield b"-"
    yield b"\x1b\\"


def _run_lengths(characters: NDArray[np.uint8]) -> bytes:
    """Return the characters, runs of more than three as ``!`` and their number."""
    ends = np.flatnonzero(np.diff(characters, append=0))
    starts = np.concatenate([[0], ends[:-1] + 1])
    parts = []
    for start, end in zip(starts, ends, strict=True):
        length, character = int(end - start) + 1, bytes([characters[start]])
        parts.append(b"!%d%s" % (length, character) if length > 3 else character * length)
    return b"".join(parts)
