"""Any file becomes upright sRGB pixels, or a reason why it cannot; never anything else."""

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, ImageCms

from embed import DecodedImage, decode_image, default_max_pixels
from schema import ImageUnreadable, SkipReason

LIMIT = 100_000_000


def decode(data: bytes, target_size: int = 64, max_pixels: int = LIMIT) -> DecodedImage:
    return decode_image(data, target_size=target_size, max_pixels=max_pixels)


def encode(image: PIL.Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refusal(data: bytes, **options: int) -> ImageUnreadable:
    with pytest.raises(ImageUnreadable) as caught:
        decode(data, **options)
    return caught.value


def attempt(data: bytes, **options: int) -> DecodedImage | ImageUnreadable:
    try:
        return decode(data, **options)
    except ImageUnreadable as error:
        return error


def corner(decoded: DecodedImage) -> tuple[int, ...]:
    return decoded.image.getpixel((0, 0))  # type: ignore[return-value]


def ramp(width: int = 120, height: int = 80) -> PIL.Image.Image:
    """Dark at the left, bright at the right, red at the top."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 1:] = np.linspace(0, 255, width).astype(np.uint8)[None, :, None]
    pixels[: height // 4, :, 0] = 255
    return PIL.Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("JPEG", "jpeg"), ("PNG", "png"), ("GIF", "gif"), ("BMP", "bmp"), ("TIFF", "tiff"),
        ("WEBP", "webp"), ("AVIF", "avif"), ("JPEG2000", "jpeg2000"), ("PPM", "ppm"),
        ("TGA", "tga"), ("PCX", "pcx"), ("ICO", "ico"),
    ],
)  # fmt: skip
def test_the_format_is_found_in_the_bytes(kind: str, name: str) -> None:
    decoded = decode(encode(ramp(64, 64), kind))
    assert decoded.format == name
    assert (decoded.image.mode, decoded.image.size) == ("RGB", (64, 64))
    assert (decoded.width, decoded.height) == (64, 64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "I", "F"])
def test_every_mode_becomes_rgb_with_its_brightness_kept(mode: str) -> None:
    if mode == "I;16":
        image = PIL.Image.fromarray(np.full((8, 8), 200 * 257, np.uint16))
    elif mode == "I":
        image = PIL.Image.fromarray(np.full((8, 8), 200, np.int32))
    elif mode == "F":
        image = PIL.Image.fromarray(np.full((8, 8), 200 / 255, np.float32))
    else:
        level = 255 if mode == "1" else 200
        image = PIL.Image.new("L", (8, 8), level).convert(mode)
    decoded = decode(encode(image, "TIFF"))
    assert decoded.image.mode == "RGB"
    assert corner(decoded) == ((255,) * 3 if mode == "1" else (200,) * 3)


def test_cmyk_becomes_rgb() -> None:
    image = PIL.Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    red, green, blue = corner(decode(encode(image, "JPEG")))
    assert red > 200
    assert max(green, blue) < 60


def test_what_is_transparent_lies_on_white() -> None:
    image = PIL.Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    image.putpixel((7, 7), (255, 0, 0, 255))
    decoded = decode(encode(image, "PNG"))
    assert corner(decoded) == (255, 255, 255)
    assert decoded.image.getpixel((7, 7)) == (255, 0, 0)


def test_a_palette_with_a_transparent_colour_lies_on_white() -> None:
    image = PIL.Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 255] * 256)
    assert corner(decode(encode(image, "GIF", transparency=0))) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(orientation: int) -> None:
    upright = ramp()
    undo = {
        2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
        3: PIL.Image.Transpose.ROTATE_180,
        4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
        5: PIL.Image.Transpose.TRANSPOSE,
        6: PIL.Image.Transpose.ROTATE_90,
        7: PIL.Image.Transpose.TRANSVERSE,
        8: PIL.Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    decoded = decode(encode(stored, "PNG", exif=exif))
    assert (decoded.width, decoded.height) == upright.size
    assert np.array_equal(np.asarray(decoded.image), np.asarray(upright))


def test_a_profile_with_other_colours_is_converted_to_srgb() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    lab = PIL.Image.new("LAB", (8, 8), (128, 128, 128))
    plain = decode(encode(PIL.Image.new("RGB", (8, 8), (120, 60, 30)), "PNG"))
    broken = encode(PIL.Image.new("RGB", (8, 8), (120, 60, 30)), "PNG", icc_profile=profile)
    assert corner(decode(broken)) == corner(plain), "a profile for other modes is passed over"
    assert decode(encode(lab, "TIFF")).image.mode == "RGB"


def test_a_gamma_profile_changes_the_pixels() -> None:
    # A matrix profile: sRGB's own with its three tone curves replaced by a pure gamma of 1.
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", srgb[128:132])[0]
    for i in range(count):
        entry = 132 + 12 * i
        tag, offset, _ = struct.unpack(">4sII", srgb[entry : entry + 12])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            srgb[offset : offset + 12] = b"curv" + struct.pack(">II", 0, 0)
        if tag == b"desc":
            srgb[offset : offset + 4] = b"gone"
    linear = encode(PIL.Image.new("RGB", (8, 8), (55, 55, 55)), "PNG", icc_profile=bytes(srgb))
    assert corner(decode(linear))[0] > 100


@pytest.mark.parametrize("profile", [b"x", b"\0" * 200, b"acsp" * 100])
def test_a_broken_profile_is_passed_over(profile: bytes) -> None:
    image = PIL.Image.new("RGB", (8, 8), (10, 20, 30))
    assert corner(decode(encode(image, "PNG", icc_profile=profile))) == (10, 20, 30)


def test_a_large_jpeg_is_decoded_at_reduced_scale_but_keeps_its_true_size() -> None:
    decoded = decode(encode(ramp(2000, 1000), "JPEG"), target_size=100)
    assert (decoded.width, decoded.height) == (2000, 1000)
    assert 200 <= min(decoded.image.size) < 400


def test_a_reduced_jpeg_shows_the_same_pixels() -> None:
    data = encode(ramp(2000, 1000), "JPEG", quality=95)
    reduced = decode(data, target_size=100).image.resize((100, 100))
    whole = PIL.Image.open(io.BytesIO(data)).convert("RGB").resize((100, 100))
    assert np.abs(np.asarray(reduced, int) - np.asarray(whole, int)).mean() < 1.5


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [PIL.Image.new("RGB", (16, 16), c) for c in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        red, _, blue = corner(decode(data))
        assert red > 200 > 60 > blue


def test_no_bytes_are_no_image() -> None:
    assert refusal(b"").reason is SkipReason.EMPTY


@pytest.mark.parametrize("data", [b"just some words", b"\0" * 1000, b"%PDF-1.4", b"<svg/>"])
def test_a_file_of_another_kind_is_not_an_image(data: bytes) -> None:
    assert refusal(data).reason is SkipReason.NOT_AN_IMAGE


def test_a_format_that_runs_another_program_is_not_read() -> None:
    assert refusal(encode(ramp(), "EPS")).reason is SkipReason.UNSUPPORTED


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.3, 0.7])
def test_a_truncated_file_is_refused(kind: str, kept: float) -> None:
    rng = np.random.default_rng(0)
    data = encode(PIL.Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)), kind)
    error = refusal(data[: int(len(data) * kept)])
    assert error.reason in (SkipReason.TRUNCATED, SkipReason.CORRUPT)
    if kind in ("JPEG", "PNG", "BMP"):
        assert error.reason is SkipReason.TRUNCATED


def test_a_header_that_cannot_be_read_is_corrupt_and_says_of_what() -> None:
    error = refusal(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    assert error.reason is SkipReason.CORRUPT
    assert "PNG" in error.detail


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_decompression_bomb_is_refused_by_its_header_with_the_limit() -> None:
    error = refusal(png_bomb(20_000), max_pixels=default_max_pixels())
    assert error.reason is SkipReason.TOO_LARGE
    assert "20,000 x 20,000" in error.detail
    assert f"{default_max_pixels():,}" in error.detail


def test_a_jpeg_is_measured_by_what_is_decoded_of_it() -> None:
    data = encode(ramp(2000, 1000), "JPEG")
    assert decode(data, target_size=50, max_pixels=600_000).width == 2000
    assert refusal(data, target_size=50, max_pixels=400_000).reason is SkipReason.TOO_LARGE
    assert refusal(data, target_size=900, max_pixels=600_000).reason is SkipReason.TOO_LARGE


def test_the_limit_does_not_depend_on_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    assert decode(encode(ramp(), "PNG")).width == 120


def test_the_default_limit_is_within_its_bounds() -> None:
    assert 64_000_000 <= default_max_pixels() <= 300_000_000


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0"]
)
def test_malformed_exif_does_not_cost_a_good_image(exif: bytes) -> None:
    decoded = decode(encode(ramp(), "JPEG", exif=exif))
    assert decoded.image.size == (120, 80)


def test_exif_is_handed_on() -> None:
    exif = PIL.Image.Exif()
    exif[ExifTags.Base.Model] = "D70"
    assert decode(encode(ramp(), "JPEG", exif=exif)).exif[ExifTags.Base.Model] == "D70"
    assert not decode(encode(ramp(), "PNG")).exif


def test_many_threads_decode_alike() -> None:
    data = encode(ramp(400, 300), "JPEG")
    expected = np.asarray(decode(data).image)
    with ThreadPoolExecutor(4) as pool:
        for decoded in pool.map(decode, [data] * 80):
            assert np.array_equal(np.asarray(decoded.image), expected)


SEEDS = [encode(ramp(24, 16), kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP")]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 400),
)
def test_no_damage_gives_anything_but_pixels_or_a_reason(
    data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    outcome = attempt(bytes(damaged[: len(damaged) - cut]), max_pixels=1_000_000)
    if isinstance(outcome, ImageUnreadable):
        assert outcome.detail
    else:
        assert outcome.image.mode == "RGB"
        assert outcome.width > 0


@pytest.mark.kit
@pytest.mark.slow
def test_every_odd_file_of_the_kit_is_an_image_or_has_a_reason(kit: Path) -> None:
    read, refused = 0, 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for file in sorted(path for path in (kit / "formats").rglob("*") if path.is_file()):
            outcome = attempt(file.read_bytes(), max_pixels=default_max_pixels())
            if isinstance(outcome, ImageUnreadable):
                assert outcome.detail, file
                refused += 1
            else:
                assert outcome.image.mode == "RGB", file
                read += 1
    assert read > 800
    assert refused > 100


@pytest.mark.kit
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("truncated_jpeg.jpg", SkipReason.TRUNCATED),
        ("truncated_image.png", SkipReason.TRUNCATED),
        ("unknown_compression_method.png", SkipReason.CORRUPT),
        ("badbitcount.bmp", SkipReason.CORRUPT),
        ("reallybig.bmp", SkipReason.TOO_LARGE),
        ("decompression_bomb.gif", SkipReason.TOO_LARGE),
        ("test-ole-file.doc", SkipReason.NOT_AN_IMAGE),
        ("non_zero_bb.eps", SkipReason.UNSUPPORTED),
    ],
)
def test_a_file_of_the_kit_is_refused_for_its_true_reason(
    kit: Path, name: str, reason: SkipReason
) -> None:
    (file,) = (kit / "formats").rglob(name)
    assert refusal(file.read_bytes(), max_pixels=default_max_pixels()).reason is reason


@pytest.mark.kit
def test_all_orientation_samples_of_the_kit_show_the_same_scene(kit: Path) -> None:
    for shape in ("Landscape", "Portrait"):
        files = sorted((kit / "formats" / "orientation").rglob(f"{shape}_[1-8].jpg"))
        assert len(files) == 8
        thumbnails = []
        for file in files:
            decoded = decode(file.read_bytes())
            assert (decoded.width > decoded.height) == (shape == "Landscape")
            small = decoded.image.resize((16, 16), PIL.Image.Resampling.BOX)
            thumbnails.append(np.asarray(small, np.float64).ravel() - 128)
        units = np.stack([t / np.linalg.norm(t) for t in thumbnails])
        assert (units @ units.T).min() > 0.98
