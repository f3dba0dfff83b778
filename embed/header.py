"""What an image file says of itself before any of its pixels are decoded."""

import contextlib
from dataclasses import dataclass

from PIL import ExifTags, Image

from embed.tiff import IPTC, directories, is_tiff

_PHOTOSHOP_IPTC = 0x0404
"""Adobe's number of the image resource that holds IPTC-IIM."""

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, eq=False)
class ImageHeader:
    """The facts of an image file, read without decoding it.

    Attributes:
        width: Pixels of the full image after orientation; so is ``height``.
        format: Lower-case name of the format found in the bytes.
        exif: The file's EXIF, empty where there is none or it cannot be read.
        xmp: Its XMP packet as it stands in the file, b"" where there is none.
        iptc: Its IPTC-IIM datasets as they stand in the file, b"" where there are none.
    """

    width: int
    height: int
    format: str
    exif: Image.Exif
    xmp: bytes = b""
    iptc: bytes = b""


def read_exif(opened: Image.Image) -> Image.Exif:
    """Return an opened image's EXIF; malformed EXIF must not cost a good image."""
    # A boundary to Pillow, as in `embed.images`: hostile bytes can raise anything in it. So below.
    try:
        return opened.getexif()
    except Exception:  # noqa: BLE001
        return Image.Exif()


def png_marks_first(data: bytes) -> bytes:
    """Return a PNG with everything that stands behind its pixels put before them."""
    first: list[bytes] = []
    pixels: list[bytes] = []
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if kind == b"IEND":
            break
        (pixels if kind == b"IDAT" else first).append(data[at:end])
        at = end
    # Pillow stops at the first pixels.
    return b"".join([_PNG, *first, *pixels[:1]])


def load_exif(block: bytes) -> Image.Exif:
    """Return the EXIF of a block that starts as a TIFF file does, empty where it is malformed."""
    exif = Image.Exif()
    with contextlib.suppress(Exception):
        exif.load(block)
    return exif


def read_orientation(exif: Image.Exif) -> int:
    """Return EXIF's orientation, 1 to 8; 1 where it says nothing that makes sense."""
    try:
        value = exif.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def read_xmp(opened: Image.Image) -> bytes:
    """Return an opened image's XMP packet."""
    packet = opened.info.get("xmp", b"")
    if isinstance(packet, str):
        return packet.encode("utf-8", "replace")
    return packet if isinstance(packet, bytes) else b""


def read_iptc(opened: Image.Image, data: bytes) -> bytes:
    """Return an opened image's IPTC-IIM: of a JPEG's Photoshop resources, or of TIFF's own tag.

    Args:
        data: The bytes it was opened from.
    """
    if is_tiff(data):
        return next(directories(data), {}).get(IPTC, b"")
    resources = opened.info.get("photoshop")
    datasets = resources.get(_PHOTOSHOP_IPTC, b"") if isinstance(resources, dict) else b""
    return datasets if isinstance(datasets, bytes) else b""
