"""Small images: upright, bounded, and without what the original told beside its pixels."""

import io

import pytest
from PIL import Image, ImageCms

from embed.thumbnail import make_thumbnail
from schema import ImageUnreadable, SkipReason
from tests.embed.test_images import png_bomb


def jpeg(size: tuple[int, int], **options: object) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, "JPEG", **options)
    return file.getvalue()


def opened(webp: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(webp))
    assert image.format == "WEBP"
    return image


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((1600, 1200), 512, (512, 384)),
        ((300, 1200), 256, (64, 256)),
        ((100, 50), 512, (100, 50)),
        ((3000, 2), 256, (256, 1)),
    ],
)
def test_the_longer_side_is_bounded_and_nothing_is_enlarged(
    size: tuple[int, int], side: int, expected: tuple[int, int]
) -> None:
    assert opened(make_thumbnail(jpeg(size), side=side)).size == expected


def test_it_is_upright_and_carries_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored = jpeg((800, 400), exif=exif, icc_profile=profile)
    image = opened(make_thumbnail(stored, side=200))
    assert image.size == (100, 200)
    # The gradient is dark at the top of what is stored, which is the right of what is seen.
    assert image.convert("L").getpixel((95, 100)) < image.convert("L").getpixel((5, 100))
    assert not image.getexif()
    assert "icc_profile" not in image.info


def test_a_bomb_is_refused() -> None:
    with pytest.raises(ImageUnreadable) as refusal:
        make_thumbnail(png_bomb(50_000), side=256)
    assert refusal.value.reason is SkipReason.TOO_LARGE


def test_a_limit_on_pixels_may_be_given() -> None:
    with pytest.raises(ImageUnreadable):
        make_thumbnail(jpeg((640, 480)), side=512, max_pixels=1000)
