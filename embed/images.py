"""Decoding an image once and for all: the same pixels for indexing and for a query.

Upright, sRGB, RGB, at reduced scale where the format can: libjpeg decodes a JPEG at 1/2, 1/4 or
1/8 by leaving out coefficients of its cosine transform, five times faster for a 12-megapixel
photograph (see docs/adr/0002-decode-once-reduced.md).
"""

import io
import os
import re
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from embed.colour import to_srgb
from embed.truncation import ends_early
from schema.errors import ImageUnreadable, SkipReason

FORMATS: tuple[str, ...] = (
    "JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "ICO", "TGA", "PCX",
    "DIB", "DDS", "ICNS", "PSD", "QOI", "SGI", "SUN", "MSP", "XBM", "XPM", "IM", "CUR", "DCX",
    "BLP", "FTEX", "SPIDER", "PIXAR", "IMT",
)  # fmt: skip
"""Pillow's names of the formats that are read, the frequent ones first. Left out are those that
run another program (EPS), need a library that the caller must plug in (WMF, GRIB, BUFR, HDF5),
or are no images of a camera or a screen (FITS, MPEG, IPTC, PCD, FLI ...)."""

LEAST_MAX_PIXELS, MOST_MAX_PIXELS = 64_000_000, 300_000_000
"""Bounds of the pixel limit: what any camera makes is read on any machine, and a small file that
unfolds to gigabytes is refused on every one."""

BYTES_PER_PIXEL = 21
"""What one pixel takes at its worst, measured: 21 where there is transparency, 15 to 18 of 16 and
more bits, 8 of plain colours."""

SHARE_OF_MEMORY = 0.25

_PILLOW = r"PIL\."
_PILLOW_IS_QUIET = ("ignore", None, Warning, re.compile(_PILLOW), 0)

_UNREAD_BRANDS = {
    b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF",
    b"crx ": "Canon CR3",
}  # fmt: skip
_UNREAD_STARTS = {
    b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL", b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript", b"FUJIFILMCCD-RAW": "Fujifilm RAF",
}  # fmt: skip

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn an image upright, by its EXIF orientation."""

_ON_ITS_SIDE = (5, 6, 7, 8)

_IPTC_RESOURCE = 0x0404
"""Number of the block of Photoshop's that holds IPTC datasets in a JPEG."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """An image ready to be prepared for any encoder.

    Attributes:
        image: Mode RGB, sRGB, upright; possibly smaller than the file's image.
        width: Pixels of the full image after orientation; so is ``height``.
        format: Lower-case name of the format found in the bytes.
        exif: The file's EXIF, empty where there is none or it cannot be read.
        xmp: The file's XMP packet, as it stands there; ``iptc`` its IPTC datasets (IIM).
    """

    image: Image.Image
    width: int
    height: int
    format: str
    exif: Image.Exif
    xmp: bytes = b""
    iptc: bytes = b""


def decode_image(data: bytes, *, target_size: int, max_pixels: int) -> DecodedImage:
    """Decode the first frame of an image file. Safe to call from many threads.

    Args:
        data: The file's bytes.
        target_size: Pixels of the model's input; the image is decoded to at least twice that on
            its shorter side, where it has them.
        max_pixels: Limit on what is decoded. A JPEG counts with its reduced size, but with no
            less than a quarter of its full one: that is what a progressive file's coefficients
            take.

    Raises:
        ImageUnreadable: The bytes are no image that can be read, and why.
    """
    _hush_pillow()
    if not data:
        raise ImageUnreadable(SkipReason.EMPTY, "the file has no bytes; copy it again")
    # The boundary to Pillow: hostile bytes can raise anything in it, and all of it means that
    # this one file cannot be read.
    try:
        return _decode(data, target_size, max_pixels)
    except ImageUnreadable:
        raise
    except MemoryError as error:
        raise ImageUnreadable(
            SkipReason.TOO_LARGE, "there was not enough memory to decode it; use fewer --workers"
        ) from error
    except Exception as error:
        raise _unreadable(error, data) from error


@lru_cache(maxsize=1)
def default_max_pixels() -> int:
    """Return the pixel limit for this machine.

    A quarter of the memory, shared by one decoding thread per core at `BYTES_PER_PIXEL`, but
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


def _decode(data: bytes, target_size: int, max_pixels: int) -> DecodedImage:
    opened = _open(data)
    width, height = opened.size
    opened.draft("RGB", (2 * target_size, 2 * target_size))
    is_reduced = opened.size != (width, height)
    counted = max(opened.width * opened.height, width * height // (4 if is_reduced else 1))
    if counted > max_pixels:
        raise ImageUnreadable(
            SkipReason.TOO_LARGE,
            f"{width:,} x {height:,} pixels, the limit on this machine is {max_pixels:,} in all; "
            "save a smaller copy",
        )
    opened.load()
    if not is_reduced:
        # Some formats know their size only now.
        width, height = opened.size
    image = to_srgb(opened)
    # Asked for only now: Pillow reads a PNG to its end to find EXIF, and what fails of it then must
    # not pass for EXIF; and what Pillow has turned already, as it does TIFF, is upright by now.
    exif = _read_exif(opened)
    orientation = _read_orientation(exif)
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
        if orientation in _ON_ITS_SIDE:
            width, height = height, width
    # A JPEG with several frames, of which the first is read.
    name = "jpeg" if opened.format == "MPO" else str(opened.format).lower()
    return DecodedImage(image, width, height, name, exif, _read_xmp(opened), _read_iptc(opened))


def _open(data: bytes) -> ImageFile.ImageFile:
    """Read the header.

    As `PIL.Image.open` does, less its check against decompression bombs: that knows neither this
    machine's memory nor the reduced scale, and can be set for the whole process only.
    """
    Image.init()
    claimed = ""
    for name in FORMATS:
        factory, accepts = Image.OPEN[name]
        accepted = accepts(data[:16]) if accepts else True
        if not accepted or isinstance(accepted, str):
            # A string says which library Pillow was built without.
            continue
        try:
            return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            if accepts and not claimed:
                claimed = name
    if claimed:
        raise _broken(data, f"it starts like {claimed}, but its header cannot be read")
    raise _not_an_image(data)


def _not_an_image(data: bytes) -> ImageUnreadable:
    unread = _UNREAD_BRANDS.get(data[8:12], "") if data[4:8] == b"ftyp" else ""
    for start, name in _UNREAD_STARTS.items():
        if data.startswith(start):
            unread = name
    if unread:
        return ImageUnreadable(
            SkipReason.UNSUPPORTED, f"{unread} is not read by this version; save it as JPEG"
        )
    return ImageUnreadable(
        SkipReason.NOT_AN_IMAGE, "its bytes are of no image format that is read, whatever its name"
    )


def _unreadable(error: Exception, data: bytes) -> ImageUnreadable:
    words = str(error) or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return ImageUnreadable(SkipReason.TOO_LARGE, f"{words} Save a smaller copy.")
    return _broken(data, words, known_truncated=isinstance(error, EOFError))


def _broken(data: bytes, words: str, *, known_truncated: bool = False) -> ImageUnreadable:
    """Tell the file that ends too early from the one that is broken inside."""
    says_so = any(clue in words.lower() for clue in ("truncated", "not enough", "premature"))
    if known_truncated or says_so or ends_early(data):
        return ImageUnreadable(
            SkipReason.TRUNCATED, f"the file ends too early ({words}); copy it again"
        )
    return ImageUnreadable(SkipReason.CORRUPT, f"it cannot be decoded ({words}); copy it again")


def _read_exif(opened: Image.Image) -> Image.Exif:
    # A second boundary: malformed EXIF must not cost a good image. So below.
    try:
        return opened.getexif()
    except Exception:  # noqa: BLE001
        return Image.Exif()


def _read_xmp(opened: Image.Image) -> bytes:
    packet = opened.info.get("xmp")
    return packet if isinstance(packet, bytes) else b""


def _read_iptc(opened: Image.Image) -> bytes:
    if isinstance(opened, TiffImagePlugin.TiffImageFile):
        # The bytes as they stand in the file: many programs say that they are 32-bit integers.
        block = opened.tag_v2._tagdata.get(TiffImagePlugin.IPTC_NAA_CHUNK)
    else:
        photoshop = opened.info.get("photoshop")
        block = photoshop.get(_IPTC_RESOURCE) if isinstance(photoshop, dict) else None
    return block if isinstance(block, bytes) else b""


def _read_orientation(exif: Image.Exif) -> int:
    try:
        value = exif.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001
        return 1
    return value if isinstance(value, int) else 1
