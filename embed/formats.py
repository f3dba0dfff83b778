"""Which formats are read, and what a file's first bytes say of it. Names are never asked."""

import re
import struct

from PIL import Image

from embed.refusals import not_an_image
from embed.tiff import is_tiff
from embed.video_formats import video_format
from schema.errors import ImageUnreadable, SkipReason

HEAD_BYTES = 64
"""What `refusal_at_sight` looks at: enough for the longest mark of a format."""

FORMATS: tuple[str, ...] = (
    "JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF", "JPEG2000", "PPM", "ICO", "TGA",
    "PCX", "DIB", "DDS", "ICNS", "PSD", "QOI", "SGI", "SUN", "MSP", "XBM", "XPM", "IM", "CUR",
    "DCX", "BLP", "FTEX", "SPIDER", "PIXAR", "IMT",
)  # fmt: skip
"""Pillow's names of the formats that it reads, by itself or with pillow-heif, the frequent ones
first; JPEG XL and camera RAW are read by libraries of their own. Left out are those that run
another program (EPS), need a library that the caller must plug in (WMF, GRIB, BUFR, HDF5), or are
no images of a camera or a screen (FITS, MPEG, IPTC, PCD, FLI ...)."""

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_HEIF_BRANDS = (*_HEIC_BRANDS, b"mif1", b"msf1")
_CR3_BRAND = b"crx "

_RAW_STARTS = {
    b"FUJIFILMCCD-RAW": "raf",
    b"IIRO": "orf",
    b"IIRS": "orf",
    b"MMOR": "orf",
    b"IIU\0": "rw2",
    b"FOVb": "x3f",
    b"\0MRM": "mrw",
    b"II\x1a\0\0\0HEAPCCDR": "crw",
}

_UNREAD_STARTS = {
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"8BPS\0\2": "PSB",
}

# What Pillow knows only by trying: these have no mark at their start.
_TGA_KINDS, _TGA_DEPTHS = (1, 2, 3, 9, 10, 11), (1, 8, 16, 24, 32)
_SPIDER_KINDS = (1, 3, -11, -12, -21, -22)
_IM = re.compile(rb"(Image type|Image size|Name|File size|Comment|Date|Lut|Scale|Digitalization)")
_IMT = re.compile(rb"\s*(\*|(width|height|pixel) )")


def is_heif(data: bytes) -> bool:
    """Whether libheif is to be asked. An AVIF file may have a brand of both."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS


def is_heic(data: bytes) -> bool:
    """Whether a HEIF file says that its images are coded with HEVC, as nearly all are."""
    brands = data[8 : min(int.from_bytes(data[:4]), 256)]
    return any(brands[at : at + 4] in _HEIC_BRANDS for at in range(0, len(brands), 4))


def is_jxl(data: bytes) -> bool:
    """Whether it is JPEG XL, as a bare codestream or in its container."""
    return data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"))


def raw_name(data: bytes) -> str:
    """Return the lower-case name of a RAW format that has a mark of its own, else ""."""
    if data[4:8] == b"ftyp" and data[8:12] == _CR3_BRAND:
        return "cr3"
    if is_tiff(data) and data[8:10] == b"CR":
        return "cr2"
    return next((name for start, name in _RAW_STARTS.items() if data.startswith(start)), "")


def refusal_at_sight(head: bytes) -> ImageUnreadable | None:
    """Return why a file is certainly not read, or None where it may be.

    Args:
        head: Its first `HEAD_BYTES` bytes, or all of it.
    """
    if not head:
        return ImageUnreadable(SkipReason.EMPTY, "the file has no bytes; copy it again")
    for start, name in _UNREAD_STARTS.items():
        if head.startswith(start):
            return ImageUnreadable(SkipReason.UNSUPPORTED, f"{name} is not read; save it as JPEG")
    if video_format(head):
        return ImageUnreadable(
            SkipReason.NOT_AN_IMAGE,
            "a video, where an image is expected; frames are indexed of videos in folders of this "
            "machine, and named by the ids of their rows, which `eidetic show FILE` tells",
        )
    if raw_name(head) or is_jxl(head) or is_heif(head) or _is_pillows(head):
        return None
    return not_an_image()


def _is_pillows(head: bytes) -> bool:
    Image.init()
    start = head[:16].ljust(16, b"\0")
    for name in FORMATS:
        _, accepts = Image.OPEN.get(name, (None, None))
        # A string says which library Pillow was built without.
        if accepts and accepts(start):
            return True
    return _is_tga(head) or _is_spider(head) or bool(_IM.match(head) or _IMT.match(head))


def _is_tga(head: bytes) -> bool:
    """Whether a header of 18 bytes makes sense as TGA's (Truevision, TGA 2.0)."""
    if len(head) < 18:
        return False
    palette, kind, width, height, depth = struct.unpack("<xBB9xHHB", head[:17])
    known = kind in _TGA_KINDS and depth in _TGA_DEPTHS
    return known and palette in (0, 1) and width > 0 and height > 0


def _is_spider(head: bytes) -> bool:
    """Whether the fifth float, big-endian or little-endian, is one of SPIDER's kinds of file."""
    if len(head) < 20:
        return False
    return any(struct.unpack(f"{order}f", head[16:20])[0] in _SPIDER_KINDS for order in "><")
