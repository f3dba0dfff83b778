"""HEIC, JPEG XL and their like: upright once, bounded before decoding, refused for a reason."""

import builtins
import struct
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest

from embed import DecodedImage, decode_image, read_header
from embed.jxl import _size
from schema import ImageUnreadable, SkipReason
from tests.embed.files import encode, exif_of, ramp, sample


def decode(data: bytes, max_pixels: int = 1_000_000, target_size: int = 64) -> DecodedImage:
    return decode_image(data, target_size=target_size, max_pixels=max_pixels)


def refusal(data: bytes, max_pixels: int = 1_000_000) -> ImageUnreadable:
    with pytest.raises(ImageUnreadable) as caught:
        decode(data, max_pixels)
    return caught.value


def difference(decoded: DecodedImage, expected: PIL.Image.Image) -> float:
    assert decoded.image.size == expected.size
    both = [np.asarray(image, float) for image in (decoded.image, expected.convert("RGB"))]
    return float(np.abs(both[0] - both[1]).mean())


@pytest.mark.parametrize(("kind", "name"), [("HEIF", "heic"), ("JXL", "jxl"), ("AVIF", "avif")])
def test_the_pixels_are_those_that_were_saved(kind: str, name: str) -> None:
    decoded = decode(sample(kind))
    assert (decoded.format, decoded.image.mode) == (name, "RGB")
    assert difference(decoded, ramp()) < 6


def test_a_heif_brand_alone_does_not_make_heic() -> None:
    data = sample("HEIF")
    length = int.from_bytes(data[:4])
    bare = data[:8] + b"mif1" + data[12:16] + b"mif1".ljust(length - 16, b"\0") + data[length:]
    assert decode(bare).format == "heif"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(orientation: int) -> None:
    data = encode(ramp(), "HEIF", exif=exif_of(Orientation=orientation).tobytes())
    png = encode(ramp(), "PNG", exif=exif_of(Orientation=orientation).tobytes())
    assert difference(decode(data), decode(png).image) < 6


def test_exif_does_not_turn_jpeg_xl_which_has_an_orientation_of_its_own() -> None:
    data = encode(ramp(), "JXL", exif=exif_of(Orientation=6).tobytes())
    assert difference(decode(data), ramp()) < 6


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_jpeg_inside_jpeg_xl_is_turned_once_and_keeps_its_metadata(
    orientation: int, tmp_path: object
) -> None:
    from pillow_jxl import Encoder

    exif = exif_of(Orientation=orientation, Model="D70").tobytes()
    jpeg = encode(ramp(), "JPEG", quality=95, exif=exif)
    data = Encoder(mode="RGB", lossless=True)(jpeg, 120, 80, jpeg_encode=True)
    found, straight, header = decode(data), decode(jpeg), read_header(data)
    assert np.array_equal(np.asarray(found.image), np.asarray(straight.image))
    assert found.format == header.format == "jxl"
    assert (found.width, found.height) == (straight.width, straight.height)
    assert (header.width, header.height) == (straight.width, straight.height)
    assert dict(found.exif) == dict(header.exif) == dict(straight.exif)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16", "F"])
def test_jpeg_xl_of_every_mode_becomes_rgb_with_its_brightness_kept(mode: str) -> None:
    if mode == "I;16":
        image = PIL.Image.fromarray(np.full((32, 32), 200 * 257, np.uint16))
    elif mode == "F":
        image = PIL.Image.fromarray(np.full((32, 32), 200 / 255, np.float32))
    else:
        image = PIL.Image.new("L", (32, 32), 200).convert(mode)
    decoded = decode(encode(image, "JXL", lossless=True))
    assert decoded.image.mode == "RGB"
    assert decoded.image.getpixel((9, 9)) == pytest.approx((200, 200, 200), abs=2)


def test_heic_of_ten_bits_keeps_its_brightness() -> None:
    image = PIL.Image.fromarray(np.full((64, 64), 200 * 257, np.uint16))
    assert decode(encode(image, "HEIF")).image.getpixel((9, 9)) == pytest.approx((200,) * 3, abs=2)


def test_what_is_transparent_in_heic_lies_on_white() -> None:
    clear = PIL.Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert decode(encode(clear, "HEIF")).image.getpixel((9, 9)) == pytest.approx((255,) * 3, abs=2)


@pytest.mark.parametrize("kind", ["HEIF", "JXL", "AVIF", "JPEG2000"])
def test_the_limit_of_pixels_holds_before_anything_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(ramp(400, 300), kind)

    def forbidden(*_: object) -> object:
        raise AssertionError("decoded")

    monkeypatch.setattr("embed.pillow_file.PillowFile.decode", forbidden)
    monkeypatch.setattr("embed.jxl.JxlFile.decode", forbidden)
    error = refusal(data, max_pixels=100_000)
    assert error.reason is SkipReason.TOO_LARGE
    assert "400 x 300" in error.detail
    assert "100,000" in error.detail


def bits(*fields: tuple[int, int]) -> bytes:
    """Pack (value, width in bits) from the lowest bit on."""
    number, at = 0, 0
    for value, width in fields:
        number |= value << at
        at += width
    return number.to_bytes(at // 8 + 1, "little")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # Small: multiples of eight in five bits.
        ([(1, 1), (9, 5), (0, 3), (14, 5), (1, 1)], (120, 80, 1)),
        ([(1, 1), (9, 5), (1, 3), (1, 1)], (80, 80, 1)),
        # Not small: a selector of two bits, then 9, 13, 18 or 30 bits.
        ([(0, 1), (0, 2), (79, 9), (0, 3), (1, 2), (3999, 13), (1, 1)], (4000, 80, 1)),
        ([(0, 1), (1, 2), (2999, 13), (3, 3), (1, 1)], (4000, 3000, 1)),
        ([(0, 1), (3, 2), (2**30 - 1, 30), (7, 3), (1, 1)], (2**31, 2**30, 1)),
        ([(0, 1), (2, 2), (99_999, 18), (0, 3), (0, 2), (0, 9), (1, 1)], (1, 100_000, 1)),
        # Image metadata with an orientation, and without.
        ([(1, 1), (0, 5), (1, 3), (0, 1), (1, 1), (5, 3)], (8, 8, 6)),
        ([(1, 1), (0, 5), (1, 3), (0, 1), (0, 1)], (8, 8, 1)),
    ],
)
def test_the_size_in_a_jpeg_xl_header_is_read_as_specified(
    fields: list[tuple[int, int]], expected: tuple[int, int, int]
) -> None:
    assert _size(bits(*fields)) == expected


@pytest.mark.parametrize(("width", "height"), [(1, 1), (8, 8), (511, 40), (700, 513), (9000, 2)])
def test_the_size_is_that_which_libjxl_writes(width: int, height: int) -> None:
    data = encode(PIL.Image.new("RGB", (width, height)), "JXL")
    assert (read_header(data).width, read_header(data).height) == (width, height)


@pytest.mark.parametrize("kind", ["HEIF", "JXL", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_file_that_ends_too_early_is_refused(kind: str, kept: float) -> None:
    rng = np.random.default_rng(0)
    noise = PIL.Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    data = encode(noise, kind)
    error = refusal(data[: int(len(data) * kept)])
    # A bare JPEG XL codestream does not say how long it is.
    expected = {SkipReason.TRUNCATED} | ({SkipReason.CORRUPT} if kind == "JXL" else set())
    assert error.reason in expected


def test_jpeg_xl_in_its_container_tells_truncated_from_broken() -> None:
    data = encode(ramp(), "JXL", use_container=True)
    assert refusal(data[:-20]).reason is SkipReason.TRUNCATED
    assert refusal(data[:-40] + bytes(40)).reason is SkipReason.CORRUPT


def test_a_container_without_a_codestream_is_corrupt() -> None:
    start = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
    assert refusal(start + b"\0\0\0\x0cxml <x/>").reason is SkipReason.CORRUPT


def test_absurd_dimensions_are_refused_by_the_header() -> None:
    # Gigapixels in a few bytes of JPEG XL.
    data = b"\xff\x0a" + bits((0, 1), (3, 2), (2**30 - 1, 30), (7, 3), (1, 1)) + bytes(40)
    assert refusal(data).reason is SkipReason.TOO_LARGE
    # The image spatial extents of a HEIC file.
    heic = bytearray(sample("HEIF"))
    while (at := heic.find(b"ispe" + bytes(4) + struct.pack(">II", 120, 80))) >= 0:
        heic[at + 8 : at + 16] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    error = refusal(bytes(heic))
    assert error.reason in (SkipReason.TOO_LARGE, SkipReason.CORRUPT)


@pytest.mark.parametrize("kind", ["HEIF", "JXL", "AVIF"])
def test_no_damage_gives_anything_but_pixels_or_a_reason(kind: str) -> None:
    rng = np.random.default_rng(1)
    base = sample(kind)
    outcomes = set()
    for _ in range(150):
        data = bytearray(base)
        for _ in range(4):
            data[rng.integers(len(data))] = rng.integers(256)
        try:
            outcomes.add(decode(bytes(data)).image.mode)
        except ImageUnreadable as error:
            outcomes.add(error.reason)
    assert outcomes <= {"RGB", *SkipReason}
    assert SkipReason.CORRUPT in outcomes


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a package impossible to import."""
    importing = builtins.__import__

    def forbid(package: str) -> None:
        def refuse(name: str, *args: object, **options: object) -> object:
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
            return importing(name, *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(builtins, "__import__", refuse)

    return forbid


@pytest.mark.parametrize(
    ("kind", "package", "remedy"),
    [
        ("HEIF", "pillow_heif", "pip install 'pillow-heif'"),
        ("JXL", "pillow_jxl", "pip install 'pillow-jxl-plugin'"),
        ("DNG", "rawpy", r"pip install 'eidetic\[raw\]'"),
    ],
)
def test_a_format_whose_library_is_missing_says_what_to_install(
    kind: str, package: str, remedy: str, without: Callable[[str], None]
) -> None:
    data = sample(kind)
    without(package)
    with pytest.raises(ImageUnreadable, match=remedy) as caught:
        decode(data)
    assert caught.value.reason is SkipReason.MISSING_PLUGIN


def test_no_plugin_is_imported_before_its_first_file() -> None:
    import subprocess
    import sys

    script = (
        "import sys; from embed import decode_image; import io; from PIL import Image; "
        "f = io.BytesIO(); Image.new('RGB', (9, 9)).save(f, 'PNG'); "
        "decode_image(f.getvalue(), target_size=8, max_pixels=999); "
        "print([m for m in ('pillow_heif', 'pillow_jxl', 'rawpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
