"""A JPEG XL file, read by pillow-jxl-plugin's decoder, which knows no header before the pixels.

So size, orientation and metadata are read here: boxes by ISO/IEC 18181-2 (the container), the size
by ISO/IEC 18181-1 (the codestream: SizeHeader, ImageMetadata; bits are read lowest first).
"""

from collections.abc import Iterator
from typing import Any

from PIL import Image

from embed.boxes import boxes
from embed.colour import to_srgb
from embed.header import ImageHeader, load_exif
from embed.pillow_file import ON_ITS_SIDE, PillowFile
from embed.refusals import broken, missing_plugin
from embed.tiff import is_tiff

_BARE = b"\xff\x0a"
_HEADER_BYTES = 32
"""More than size and orientation take: two of 32 bits, and a few flags."""

_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Width to height, where the width is not written."""

_JPEG_BOX = b"jbrd"


class JxlFile:
    """An opened JPEG XL file: its header has been read, its pixels have not."""

    def __init__(self, data: bytes) -> None:
        """Read the header.

        Raises:
            ImageUnreadable: The header is cut short or makes no sense.
        """
        self._data = data
        self._boxes = {} if data.startswith(_BARE) else dict(_metadata_boxes(data))
        start = _codestream_start(data)
        if not start.startswith(_BARE):
            raise broken(data, "the JPEG XL container holds no codestream")
        try:
            width, height, orientation = _size(start[len(_BARE) :])
        except IndexError:
            raise broken(data, "the JPEG XL header is cut short", known_truncated=True) from None
        # libjxl turns the image itself; EXIF has no say in JPEG XL.
        self._size = (height, width) if orientation in ON_ITS_SIDE else (width, height)
        self._target_size = 0

    def choose_scale(self, target_size: int) -> int:
        """Return how many pixels decoding takes: all of them."""
        self._target_size = target_size
        return self._size[0] * self._size[1]

    def decode(self) -> Image.Image:
        """Return the first frame: mode RGB, sRGB, upright."""
        jpeg, facts, pixels, profile = self._unpack()
        if jpeg is not None:
            jpeg.choose_scale(self._target_size)
            return jpeg.decode()
        # The plugin makes bytes of colours; grey comes with all its bits, also as floats.
        mode = "F" if facts.mode == "F;16" else facts.mode
        image = Image.frombytes(mode, (facts.width, facts.height), pixels)
        if profile:
            image.info["icc_profile"] = profile
        return to_srgb(image)

    def header(self) -> ImageHeader:
        """Return what the file says of itself.

        A file made of a JPEG without loss has that one's metadata: for them it is rebuilt, which
        takes its coefficients but not its pixels.
        """
        if _JPEG_BOX in self._boxes:
            jpeg, *_ = self._unpack()
            if jpeg is not None:
                inner = jpeg.header()
                return ImageHeader(*self._size, "jxl", inner.exif, inner.xmp, inner.iptc)
        exif = load_exif(_without_offset(self._boxes.get(b"Exif", b"")))
        return ImageHeader(*self._size, "jxl", exif, self._boxes.get(b"xml ", b""))

    def _unpack(self) -> tuple[PillowFile | None, Any, bytes, bytes]:
        try:
            from pillow_jxl import Decoder
        except ImportError as error:
            raise missing_plugin("JPEG XL", "pillow-jxl-plugin", error) from error
        try:
            is_jpeg, facts, unpacked, profile, _ = Decoder(num_threads=0)(self._data)
        except RuntimeError as error:
            # Its words are advice on how to build the library.
            raise broken(self._data, "libjxl finds it broken or cut short") from error
        return (PillowFile(unpacked) if is_jpeg else None), facts, unpacked, profile


def _without_offset(block: bytes) -> bytes:
    """Return an EXIF box's EXIF: its first four bytes say where that starts.

    pillow-jxl-plugin, as a writer, leaves them out.
    """
    return block if is_tiff(block) else block[4 + int.from_bytes(block[:4]) :]


def _metadata_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for kind, start, end in boxes(data):
        if kind in (b"Exif", b"xml "):
            yield kind, data[start:end]
        elif kind == _JPEG_BOX:
            yield kind, b""


def _codestream_start(data: bytes) -> bytes:
    """Return the codestream's first bytes, which may lie in several boxes."""
    if data.startswith(_BARE):
        return data[:_HEADER_BYTES]
    found = b""
    for kind, start, end in boxes(data):
        if kind == b"jxlc":
            return data[start : min(end, start + _HEADER_BYTES)]
        if kind == b"jxlp":
            # Each part begins with its number.
            found += data[start + 4 : min(end, start + 4 + _HEADER_BYTES)]
        if len(found) >= _HEADER_BYTES:
            break
    return found


def _size(header: bytes) -> tuple[int, int, int]:
    """Return width and height as stored, and the orientation, 1 to 8 as EXIF's.

    Raises:
        IndexError: The header is too short.
    """
    bits = _Bits(header)
    is_small = bits.read(1)
    height = bits.length(is_small)
    ratio = bits.read(3)
    if ratio:
        numerator, denominator = _RATIOS[ratio]
        width = height * numerator // denominator
    else:
        width = bits.length(is_small)
    is_default = bits.read(1)
    has_more = 0 if is_default else bits.read(1)
    return width, height, 1 + bits.read(3) if has_more else 1


class _Bits:
    """Reads bits from the lowest of the first byte on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, count: int) -> int:
        value = 0
        for n in range(count):
            value |= (self._data[self._at // 8] >> self._at % 8 & 1) << n
            self._at += 1
        return value

    def length(self, is_small: int) -> int:
        """Read one side of the image in pixels."""
        if is_small:
            return 8 * (1 + self.read(5))
        return 1 + self.read((9, 13, 18, 30)[self.read(2)])
