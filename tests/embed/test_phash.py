"""The perceptual hash: near for copies, far for other images."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from embed import decode_image
from embed.phash import BITS, perceptual_hash
from tests.embed.files import encode, ramp


def distance(first: int, second: int) -> int:
    """How many bits differ."""
    return ((first ^ second) & (1 << BITS) - 1).bit_count()


def scenery(seed: int) -> PIL.Image.Image:
    """Smooth blobs, as an image has them."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return PIL.Image.fromarray(noise).resize((640, 480), PIL.Image.Resampling.BICUBIC)


def hash_of(data: bytes, target_size: int = 256) -> int:
    decoded = decode_image(data, target_size=target_size, max_pixels=100_000_000)
    return perceptual_hash(decoded.image)


def copies(image: PIL.Image.Image) -> dict[str, bytes]:
    return {
        "poor JPEG": encode(image, "JPEG", quality=30),
        "smaller": encode(image.resize((image.width // 3, image.height // 3)), "JPEG"),
        "stretched": encode(image.resize((image.width, image.height + 40)), "PNG"),
        "grey": encode(image.convert("L"), "PNG"),
        "WebP": encode(image, "WEBP"),
        "HEIC": encode(image, "HEIF", quality=40),
    }


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_an_image_differ_in_a_few_bits(seed: int) -> None:
    image = scenery(seed)
    original = hash_of(encode(image, "PNG"))
    far = {
        name: distance(original, hash_of(data))
        for name, data in copies(image).items()
        if distance(original, hash_of(data)) > 10
    }
    assert far == {}


def test_other_images_differ_in_about_half_of_the_bits() -> None:
    hashes = [perceptual_hash(scenery(seed)) for seed in range(40)]
    distances = [distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distances) > 10
    assert 28 < np.mean(distances) < 36


def test_it_is_a_signed_64_bit_integer() -> None:
    hashes = [perceptual_hash(scenery(seed)) for seed in range(20)]
    assert all(-(1 << 63) <= value < 1 << 63 for value in hashes)
    assert min(hashes) < 0
    assert len(set(hashes)) == 20


def test_a_plain_image_has_one_too() -> None:
    assert perceptual_hash(PIL.Image.new("RGB", (1, 1))) == perceptual_hash(
        PIL.Image.new("RGB", (500, 300))
    )
    assert isinstance(perceptual_hash(ramp()), int)


@pytest.mark.kit
def test_copies_of_real_images_are_nearer_than_any_two_of_them(kit: Path) -> None:
    files = sorted((kit / "photos").glob("*.jpg"))[:60]
    hashes = []
    for file in files:
        data = file.read_bytes()
        original = hash_of(data)
        hashes.append(original)
        with PIL.Image.open(file) as image:
            poor = encode(image, "JPEG", quality=30)
            small = encode(image.resize((image.width // 2, image.height // 2)), "PNG")
        assert max(distance(original, hash_of(copy)) for copy in (poor, small)) <= 10
    distances = [distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distances) > 10
