"""A file of a format that Pillow reads, by itself or with pillow-heif."""

import io
import struct

from PIL import AvifImagePlugin, Image, ImageFile

from embed.colour import to_srgb
from embed.formats import FORMATS, is_heic, is_heif
from embed.header import (
    ImageHeader,
    png_marks_first,
    read_exif,
    read_iptc,
    read_orientation,
    read_xmp,
)
from embed.refusals import broken, missing_plugin, not_an_image
from schema.errors import ImageUnreadable, SkipReason

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

ON_ITS_SIDE = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""

_REDUCIBLE = ("JPEG", "MPO")


class PillowFile:
    """An opened image file: its header has been read, its pixels have not."""

    def __init__(self, data: bytes) -> None:
        """Read the header.

        Raises:
            ImageUnreadable: The bytes are of no format that is read, or their header is broken.
            Exception: Whatever Pillow raises on hostile bytes.
        """
        self._data = data
        self._opened = _open(data)
        self._full = self._opened.size
        self._is_reduced = False
        self._is_loaded = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stored, in pixels."""
        return self._full

    def choose_scale(self, target_size: int) -> int:
        """Decide on how to decode, and return how many pixels that takes at worst.

        A JPEG is decoded at 1/2, 1/4 or 1/8, with at least twice the target on its shorter side.
        It counts with its reduced size, but with no less than a quarter of its full one: that is
        what a progressive file's coefficients take.
        """
        width, height = self._full
        if self._opened.format in _REDUCIBLE:
            self._opened.draft("RGB", (2 * target_size, 2 * target_size))
        self._is_reduced = self._opened.size != self._full
        decoded = self._opened.width * self._opened.height
        return max(decoded, width * height // (4 if self._is_reduced else 1))

    def decode(self, orientation: int | None = None) -> Image.Image:
        """Return the first frame: mode RGB, sRGB, upright.

        Args:
            orientation: How the image is stored, 1 to 8 as in EXIF; None for what the file says.
        """
        self._opened.load()
        self._is_loaded = True
        if not self._is_reduced:
            # Some formats know their size only now.
            self._full = self._opened.size
        # Asked for only now: Pillow reads a PNG to its end to find EXIF, and what fails of it then
        # must not pass for EXIF; and what Pillow turns while it decodes, as TIFF, is upright.
        image = to_srgb(self._opened)
        turn = _TURNS.get(orientation or _orientation(self._opened))
        return image if turn is None else image.transpose(turn)

    def header(self) -> ImageHeader:
        """Return what the file says of itself; no pixels are decoded for it."""
        opened = self._opened
        if opened.format == "PNG" and not self._is_loaded:
            # There may be metadata after the pixels, for which Pillow would decode them.
            opened = _open(png_marks_first(self._data))
            opened.info.setdefault("exif", None)
        width, height = self._full
        # Of a TIFF, Pillow gives the upright size at once.
        if opened.format != "TIFF" and _orientation(opened) in ON_ITS_SIDE:
            width, height = height, width
        name = str(opened.format).lower()
        if name == "mpo":
            # A JPEG with several frames, of which the first is read.
            name = "jpeg"
        if name == "heif" and is_heic(self._data):
            name = "heic"
        exif = read_exif(opened)
        return ImageHeader(
            width, height, name, exif, read_xmp(opened), read_iptc(opened, self._data)
        )


def _orientation(opened: ImageFile.ImageFile) -> int:
    # libheif turns an image by its own properties; EXIF has no say in HEIF.
    return 1 if opened.format == "HEIF" else read_orientation(read_exif(opened))


def _open(data: bytes) -> ImageFile.ImageFile:
    """Read the header.

    As `PIL.Image.open` does, less its check against decompression bombs: that knows neither this
    machine's memory nor the reduced scale, and can be set for the whole process only.
    """
    Image.init()
    # One core an image: the others have images of their own.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    claimed, words, unbuilt = "", "", ""
    for name in FORMATS:
        factory, accepts = Image.OPEN[name] if name != "HEIF" else (_open_heif, is_heif)
        accepted = accepts(data[:16]) if accepts else True
        if isinstance(accepted, str):
            # Says which library Pillow was built without.
            unbuilt = unbuilt or accepted
            continue
        if not accepted:
            continue
        try:
            return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            if accepts:
                claimed, words = name, str(error)
    if unbuilt:
        raise ImageUnreadable(SkipReason.MISSING_PLUGIN, f"{unbuilt}; install another pillow")
    if claimed:
        raise broken(data, f"it starts like {claimed}, but its header cannot be read: {words}")
    raise not_an_image()


def _open_heif(file: io.BytesIO, name: str) -> ImageFile.ImageFile:
    try:
        from pillow_heif import options
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError as error:
        raise missing_plugin("HEIC", "pillow-heif", error) from error
    options.DECODE_THREADS = 1
    # Of the images in a file, only the primary one is ever looked at.
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    opened: ImageFile.ImageFile = HeifImageFile(file, name)  # type: ignore[no-untyped-call]
    return opened
