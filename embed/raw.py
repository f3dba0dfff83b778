"""A camera RAW file, read by rawpy (libraw): the camera's own preview, or a quick development."""

import contextlib
import io
import struct
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

from embed.boxes import boxes
from embed.formats import raw_name
from embed.header import ImageHeader, load_exif
from embed.pillow_file import ON_ITS_SIDE, PillowFile
from embed.refusals import missing_plugin, unreadable
from embed.tiff import DNG_VERSION, IPTC, PHOTOMETRIC, XMP, directories, is_tiff, order_of
from schema.errors import ImageUnreadable, SkipReason

if TYPE_CHECKING:
    import rawpy

LONG_ENOUGH = 1024
"""Pixels of a preview's longer side from which on it is taken for every model."""

_SENSOR_VALUES = (32803, 34892)
"""What TIFF's photometric interpretation says of a sensor's values: a mosaic, or linear colours."""

_PHASE_ONE = (b"IIII", b"MMMM")
"""Stands behind TIFF's own mark in Phase One's files, whose directories are not TIFF's."""

_NAMES_BY_MAKE = {
    "nikon": "nef", "sony": "arw", "pentax": "pef", "ricoh": "pef", "samsung": "srw",
    "hasselblad": "3fr", "phase": "iiq", "epson": "erf", "seiko": "erf", "leaf": "mos",
    "mamiya": "mef", "kodak": "dcr", "eastman": "dcr",
}  # fmt: skip

_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
"""The type of Canon's own box in CR3."""

_EXIF_IS_WITHIN = 64 * 1024

_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
"""EXIF's orientation by libraw's "flip", whose bits are: 1 mirror, 2 upside down, 4 transpose."""


class RawFile:
    """An opened RAW file: its header has been read, its pixels have not."""

    def __init__(self, data: bytes) -> None:
        """Read the header.

        Raises:
            ImageUnreadable: rawpy is not installed, or libraw does not know the file.
            Exception: Whatever libraw raises on hostile bytes.
        """
        try:
            import rawpy
        except ImportError as error:
            raise missing_plugin("camera RAW", "rawpy", error, "eidetic[raw]") from error
        self._data = data
        self._raw = rawpy.RawPy()
        try:
            self._raw.open_buffer(io.BytesIO(data))
        except rawpy.LibRawFileUnsupportedError as error:
            raise _unknown_to_libraw(error, data) from error
        sizes = self._raw.sizes
        self._orientation = _ORIENTATIONS.get(sizes.flip, 1)
        self._full = (sizes.width, sizes.height)
        self._target_size = 0
        self._preview: PillowFile | None = None

    def choose_scale(self, target_size: int) -> int:
        """Decide on how to decode, and return how many pixels that takes at worst.

        The largest preview is taken where its longer side has twice the target or `LONG_ENOUGH`
        pixels. Else the image is developed at half its size, which counts with a quarter of its
        pixels: that is what the sensor's values and the result take together.
        """
        self._preview = self._find_preview(min(2 * target_size, LONG_ENOUGH))
        if self._preview is not None:
            return self._preview.choose_scale(target_size)
        width, height = self._full
        is_mosaic = self._raw.raw_type.name == "Flat"
        return width * height // (4 if is_mosaic else 1)

    def decode(self) -> Image.Image:
        """Return the image: mode RGB, sRGB, upright."""
        if self._preview is None:
            developed = self._raw.postprocess(half_size=True, use_camera_wb=True)
            is_grey = developed.shape[2] == 1
            return Image.fromarray(developed[..., 0] if is_grey else developed).convert("RGB")
        # Cameras leave a preview as the sensor lies; one that stands where the sensor lies has been
        # turned already. Its EXIF is not asked: where there is none, libraw makes some.
        width, height = self._preview.size
        stands = (width < height) != (self._full[0] < self._full[1])
        is_upright = stands and self._orientation in ON_ITS_SIDE
        return self._preview.decode(1 if is_upright else self._orientation)

    def header(self) -> ImageHeader:
        """Return what the file says of itself."""
        width, height = self._full
        if self._orientation in ON_ITS_SIDE:
            width, height = height, width
        exif = _exif(self._data)
        _complete(exif, self._raw)
        tags = next(directories(self._data), {}) if is_tiff(self._data) else {}
        name = raw_name(self._data) or ("dng" if DNG_VERSION in tags else _name_by_make(exif))
        return ImageHeader(width, height, name, exif, tags.get(XMP, b""), tags.get(IPTC, b""))

    def _find_preview(self, least: int) -> PillowFile | None:
        """Return the largest preview, if it is a JPEG with so many pixels on its longer side."""
        # A boundary to libraw and Pillow: of a broken preview there is still the image itself.
        try:
            thumbnail = self._raw.extract_thumb()
            if not isinstance(thumbnail.data, bytes):
                return None
            preview = PillowFile(thumbnail.data)
        except Exception:  # noqa: BLE001
            return None
        return preview if max(preview.size) >= least else None


def is_raw(data: bytes) -> bool:
    """Whether it is a camera's RAW file: by a mark, or a TIFF that holds a sensor's values."""
    if raw_name(data):
        return True
    if not is_tiff(data):
        return False
    if data[8:12] in _PHASE_ONE:
        return True
    order = order_of(data)
    for tags in directories(data):
        meaning = tags.get(PHOTOMETRIC, b"")
        if DNG_VERSION in tags or int.from_bytes(meaning[:2], order) in _SENSOR_VALUES:
            return True
    return False


def _unknown_to_libraw(error: Exception, data: bytes) -> ImageUnreadable:
    import rawpy

    refusal = unreadable(error, data)
    if refusal.reason is SkipReason.TRUNCATED:
        return refusal
    version = ".".join(str(part) for part in rawpy.libraw_version)
    return ImageUnreadable(
        SkipReason.UNSUPPORTED,
        f"libraw {version} does not know this RAW file; a later rawpy may, or save it as JPEG",
    )


def _exif(data: bytes) -> Image.Exif:
    """Return a RAW file's EXIF from where its format keeps it, empty for the formats unknown here.

    TIFF and what differs from it in its mark only (ORF, RW2) have it in their first directory,
    RAF in its preview, CR3 in boxes.
    """
    name = raw_name(data)
    if is_tiff(data):
        return load_exif(data)
    if name in ("orf", "rw2"):
        return load_exif((b"II*\0" if data.startswith(b"II") else b"MM\0*") + data[4:])
    if name == "raf":
        # Where the preview is: big-endian, behind the camera's name and the version.
        start, size = struct.unpack(">II", data[84:92].ljust(8, b"\0"))
        preview = data[start : start + size]
        marker = preview.find(b"Exif\0\0", 0, _EXIF_IS_WITHIN)
        return load_exif(preview[marker:]) if marker >= 0 else Image.Exif()
    return _cr3_exif(data) if name == "cr3" else Image.Exif()


def _cr3_exif(data: bytes) -> Image.Exif:
    """Join the three TIFF blocks of Canon's box: main directory, EXIF and GPS.

    Their layout: L. Gotschi (lclevy), "Canon CR3 file format".
    """
    blocks: dict[bytes, bytes] = {}
    for kind, start, end in boxes(data):
        if kind == b"moov":
            for inner, inner_start, inner_end in boxes(data[start:end]):
                box = data[start + inner_start : start + inner_end]
                if inner == b"uuid" and box.startswith(_CANON):
                    content = box[len(_CANON) :]
                    blocks = {name: content[at:to] for name, at, to in boxes(content)}
    exif = load_exif(blocks.get(b"CMT1", b""))
    for name, directory in ((b"CMT2", ExifTags.IFD.Exif), (b"CMT4", ExifTags.IFD.GPSInfo)):
        exif.get_ifd(directory).update(load_exif(blocks.get(name, b"")))
    return exif


def _complete(exif: Image.Exif, raw: "rawpy.RawPy") -> None:
    """Add what libraw knows of the shot, where the EXIF does not say it."""
    # The boundary to both libraries, as in `embed.header`.
    with contextlib.suppress(Exception):
        shot, camera = raw.other, exif.get_ifd(ExifTags.IFD.Exif)
        said = {
            ExifTags.Base.ISOSpeedRatings: int(shot.iso_speed),
            ExifTags.Base.ExposureTime: shot.shutter_speed,
            ExifTags.Base.FNumber: shot.aperture,
            ExifTags.Base.FocalLength: shot.focal_length,
            ExifTags.Base.LensModel: raw.lens.model,
        }
        if shot.timestamp.timestamp() > 0:
            # libraw takes the camera's clock for one of this machine's time zone, and rawpy back.
            said[ExifTags.Base.DateTimeOriginal] = f"{shot.timestamp:%Y:%m:%d %H:%M:%S}"
        for tag, value in said.items():
            if value and tag not in camera:
                camera[tag] = value


def _name_by_make(exif: Image.Exif) -> str:
    try:
        make = str(exif.get(ExifTags.Base.Make, "")).lower()
    except Exception:  # noqa: BLE001
        make = ""
    first = make.split(" ")[0] if make else ""
    return _NAMES_BY_MAKE.get(first, "raw")
