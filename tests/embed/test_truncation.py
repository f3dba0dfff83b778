"""A file cut off anywhere is told from one that is whole and broken inside."""

import io
import random

import numpy as np
import PIL.Image
import pytest

from embed import decode_image
from embed.truncation import ends_early
from schema import ImageUnreadable, SkipReason

KINDS = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("GIF", {}),
    ("BMP", {}),
    ("AVIF", {}),
    ("JPEG2000", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "jpeg"}),
]


def encode(kind: str, options: dict[str, object]) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kept", [0.01, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_what_is_cut_off_is_called_truncated(
    kind: str, options: dict[str, object], kept: float
) -> None:
    data = encode(kind, options)
    with pytest.raises(ImageUnreadable) as caught:
        decode_image(data[: max(16, int(len(data) * kept))], target_size=64, max_pixels=10**6)
    assert caught.value.reason is SkipReason.TRUNCATED


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_whole_file_does_not_end_early(kind: str, options: dict[str, object]) -> None:
    assert not ends_early(encode(kind, options))


def test_a_whole_file_that_is_broken_inside_is_called_corrupt() -> None:
    data = bytearray(encode("PNG", {}))
    start = data.index(b"IDAT") + 4
    data[start : start + 20] = b"\xff" * 20
    with pytest.raises(ImageUnreadable) as caught:
        decode_image(bytes(data), target_size=64, max_pixels=10**6)
    assert caught.value.reason is SkipReason.CORRUPT


def test_any_bytes_at_all_have_an_answer() -> None:
    rng = random.Random(0)
    starts = [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF8", b"II*\0", b"MM\0*"]
    starts += [b"\0\0\0\x1cftyp", b"\xff\x4f\xff\x51"]
    for start in starts:
        for length in (0, 1, 3, 7, 60):
            assert ends_early(start + rng.randbytes(length)) in (True, False)
