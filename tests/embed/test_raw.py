"""Camera RAW: recognised by content, the preview or a development, upright, with its EXIF."""

import io
import struct

import numpy as np
import PIL.Image
import pytest
from PIL import ExifTags

from embed import DecodedImage, decode_image, read_header
from embed.raw import LONG_ENOUGH, _exif, is_raw
from schema import ImageUnreadable, SkipReason
from tests.embed.files import encode, exif_of, sample
from tests.raw_files import dng, scene, tiff

QUARTERS = ((0, 0), (0, -1), (-1, 0), (-1, -1))


def decode(data: bytes, target_size: int = 64, max_pixels: int = 10_000_000) -> DecodedImage:
    return decode_image(data, target_size=target_size, max_pixels=max_pixels)


def corners(image: PIL.Image.Image) -> list[str]:
    """Which of red and green is in each corner, and whether bright or dark."""
    pixels = np.asarray(image.convert("RGB").resize((8, 8), PIL.Image.Resampling.BOX), int)
    found = []
    for row, column in QUARTERS:
        red, green, _ = pixels[row, column]
        colour, light = ("red", red) if red > green else ("green", green)
        found.append(f"{'bright' if light > 150 else 'dark'} {colour}")
    return found


def upright(orientation: int) -> PIL.Image.Image:
    """The scene as a viewer shows it that obeys the orientation."""
    exif = exif_of(Orientation=orientation).tobytes()
    return decode(encode(PIL.Image.fromarray(scene()), "PNG", exif=exif)).image


def preview(width: int, height: int, **options: object) -> bytes:
    return encode(PIL.Image.fromarray(scene(width, height)), "JPEG", **options)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_development_is_upright_and_of_full_size_in_the_record(orientation: int) -> None:
    decoded = decode(dng(scene(), orientation=orientation))
    expected = upright(orientation)
    assert (decoded.width, decoded.height) == expected.size
    assert decoded.image.size == (expected.width // 2, expected.height // 2)
    assert corners(decoded.image) == corners(expected)
    assert (decoded.format, decoded.image.mode) == ("dng", "RGB")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_preview_that_lies_as_the_sensor_is_turned(orientation: int) -> None:
    data = dng(scene(), orientation=orientation, preview=preview(1600, 1200))
    assert corners(decode(data, target_size=512).image) == corners(upright(orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_preview_with_an_orientation_of_its_own_is_turned_once(orientation: int) -> None:
    exif = exif_of(Orientation=orientation).tobytes()
    data = dng(scene(), orientation=orientation, preview=preview(1600, 1200, exif=exif))
    assert corners(decode(data, target_size=512).image) == corners(upright(orientation))


@pytest.mark.parametrize("orientation", [6, 8])
def test_a_preview_that_stands_already_is_not_turned(orientation: int) -> None:
    standing = encode(upright(orientation).resize((1200, 1600)), "JPEG")
    data = dng(scene(), orientation=orientation, preview=standing)
    assert corners(decode(data, target_size=512).image) == corners(upright(orientation))


@pytest.mark.parametrize(
    ("longer", "target_size", "is_taken"),
    [(128, 64, True), (127, 64, False), (LONG_ENOUGH, 2000, True), (LONG_ENOUGH - 1, 2000, False)],
)
def test_the_preview_is_taken_if_it_is_long_enough(
    longer: int, target_size: int, is_taken: bool
) -> None:
    blue = encode(PIL.Image.new("RGB", (longer, longer // 2), "blue"), "JPEG")
    decoded = decode(dng(scene(), preview=blue), target_size=target_size)
    red, _, level = decoded.image.getpixel((1, 1))  # type: ignore[misc]
    assert (level > 200 > 50 > red) == is_taken


def test_a_broken_preview_leaves_the_development() -> None:
    intact = preview(1600, 1200)
    data = dng(scene(), preview=intact).replace(intact[:300], intact[:4] + bytes(296))
    assert corners(decode(data).image) == corners(upright(1))


def test_the_limit_of_pixels_counts_a_development_with_a_quarter() -> None:
    data = dng(scene(320, 240))
    assert decode(data, max_pixels=320 * 240 // 4).width == 320
    with pytest.raises(ImageUnreadable, match="320 x 240 pixels") as refusal:
        decode(data, max_pixels=320 * 240 // 4 - 1)
    assert refusal.value.reason is SkipReason.TOO_LARGE


def test_a_preview_within_the_limit_serves_for_an_image_beyond_it() -> None:
    data = dng(scene(3200, 2400), preview=preview(160, 120))
    assert decode(data, target_size=64, max_pixels=160 * 120).width == 3200


def test_absurd_dimensions_are_refused_before_anything_is_unpacked() -> None:
    data = dng(scene())
    wide = struct.pack("<HHI", 256, 4, 1) + struct.pack("<I", 320)
    assert wide in data
    absurd = data.replace(wide, wide[:8] + struct.pack("<I", 60_000))
    absurd = absurd.replace(
        struct.pack("<HHII", 257, 4, 1, 240), struct.pack("<HHII", 257, 4, 1, 60_000)
    )
    with pytest.raises(ImageUnreadable) as refusal:
        decode(absurd)
    assert refusal.value.reason in (SkipReason.TOO_LARGE, SkipReason.CORRUPT, SkipReason.TRUNCATED)


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_raw_file_that_ends_too_early_is_refused(kept: float) -> None:
    data = dng(scene())
    with pytest.raises(ImageUnreadable) as refusal:
        decode(data[: int(len(data) * kept)])
    assert refusal.value.reason is SkipReason.TRUNCATED


def test_a_camera_that_libraw_does_not_know_is_named() -> None:
    with pytest.raises(ImageUnreadable, match="libraw") as refusal:
        decode(b"FUJIFILMCCD-RAW 0201FF000000".ljust(4000, b"\0"))
    assert refusal.value.reason is SkipReason.UNSUPPORTED


def test_a_plain_tiff_is_no_raw_file() -> None:
    for mode in ("RGB", "L", "I;16", "F"):
        image = PIL.Image.new("L", (16, 16)).convert(mode if mode != "I;16" else "I")
        assert not is_raw(encode(image, "TIFF"))
    assert not is_raw(sample("JPEG"))
    assert is_raw(dng(scene()))
    assert is_raw(dng(scene(), preview=preview(160, 120)))


@pytest.mark.parametrize("start", [b"II*\0IIII", b"MM\0*MMMM"])
def test_phase_one_is_known_by_its_second_mark(start: bytes) -> None:
    assert is_raw(start[:4] + b"\x10\0\0\0" + start[4:] + bytes(40))


def test_a_mosaic_without_the_mark_of_dng_is_raw() -> None:
    mosaic = {256: (4, [8]), 257: (4, [8]), 262: (3, [32803])}
    grey = {256: (4, [8]), 257: (4, [8]), 262: (3, [1])}
    assert is_raw(tiff([(mosaic, bytes(64))]))
    assert is_raw(tiff([(grey, bytes(64)), (mosaic, bytes(64))])), "in a sub-directory"
    assert not is_raw(tiff([(grey, bytes(64)), (grey, bytes(64))]))


def test_directories_that_point_at_each_other_end() -> None:
    data = bytearray(tiff([({256: (4, [8])}, bytes(64)), ({256: (4, [8])}, bytes(64))]))
    first = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[first : first + 2])[0]
    end = first + 2 + 12 * count
    data[end : end + 4] = data[4:8]
    assert not is_raw(bytes(data))


@pytest.mark.parametrize("make", [b"Eidetic", b"NIKON CORPORATION"])
def test_exif_is_that_of_the_first_directory(make: bytes) -> None:
    header = read_header(dng(scene(), make=make))
    assert header.exif[ExifTags.Base.Make] == make.decode()
    assert header.exif[ExifTags.Base.Model] == "Synthetic One"


@pytest.mark.parametrize(
    ("start", "order"), [(b"IIRO", b"II"), (b"IIRS", b"II"), (b"IIU\0", b"II"), (b"MMOR", b"MM")]
)
def test_exif_is_read_of_formats_that_are_tiff_but_for_their_mark(
    start: bytes, order: bytes
) -> None:
    exif = exif_of(Model="E-M1", Orientation=6)
    exif.endian = "<" if order == b"II" else ">"
    block = exif.tobytes()[6:]
    assert block.startswith(order)
    assert dict(_exif(start + block[4:])) == dict(exif)


def test_exif_of_raf_is_that_of_its_preview() -> None:
    jpeg = preview(160, 120, exif=exif_of(Model="X-T5").tobytes())
    place = struct.pack(">II", 128, len(jpeg))
    data = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + place
    assert _exif(data.ljust(128, b"\0") + jpeg)[ExifTags.Base.Model] == "X-T5"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_exif_of_cr3_is_joined_from_its_boxes() -> None:
    camera = PIL.Image.Exif()
    camera[ExifTags.Base.ISOSpeedRatings] = 400
    place = PIL.Image.Exif()
    place[ExifTags.GPS.GPSLatitudeRef] = "N"
    blocks = (
        box(b"CMT1", exif_of(Model="EOS R5").tobytes()[6:])
        + box(b"CMT2", camera.tobytes()[6:])
        + box(b"CMT4", place.tobytes()[6:])
    )
    canon = box(b"uuid", bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + blocks)
    data = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", canon)
    exif = _exif(data)
    assert exif[ExifTags.Base.Model] == "EOS R5"
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] == 400
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


@pytest.mark.parametrize(
    "data", [b"FUJIFILMCCD-RAW", b"IIRO", b"IIU\0" + b"\xff" * 90, b"\0\0\0\x18ftypcrx ", b"FOVb"]
)
def test_malformed_exif_of_a_raw_file_is_empty(data: bytes) -> None:
    assert dict(_exif(data)) == {}


def test_a_raw_file_has_the_pixels_of_no_thumbnail() -> None:
    # Pillow would open a DNG as the TIFF of its preview.
    data = dng(scene(), preview=preview(80, 60))
    with PIL.Image.open(io.BytesIO(data)) as opened:
        assert opened.size == (80, 60)
    assert (decode(data).width, decode(data).image.width) == (320, 160)
