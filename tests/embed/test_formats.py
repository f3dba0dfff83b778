"""What the first bytes of a file say of it."""

import io
import zipfile
from pathlib import Path

import pytest

from embed.formats import HEAD_BYTES, refusal_at_sight
from schema import SkipReason
from tests.embed.files import sample


@pytest.mark.parametrize(
    "kind",
    [
        "JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "TGA", "PCX",
        "ICO", "DIB", "DDS", "ICNS", "SGI", "SPIDER", "HEIF", "JXL", "DNG",
    ],
)  # fmt: skip
def test_no_image_is_refused_at_sight(kind: str) -> None:
    assert refusal_at_sight(sample(kind)[:HEAD_BYTES]) is None


@pytest.mark.parametrize(
    "head",
    [
        b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0", b"IIU\0\x18\0\0\0", b"FOVb\1\0\3\0",
        b"\0MRM\0\0\0\0", b"II\x1a\0\0\0HEAPCCDR", b"\0\0\0\x18ftypcrx ", b"II*\0\x10\0\0\0CR\2\0",
        b"\0\0\0\x18ftypmif1", b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a\0\0",
    ],
)  # fmt: skip
def test_formats_of_libraries_that_may_be_missing_are_known_without_them(head: bytes) -> None:
    assert refusal_at_sight(head.ljust(HEAD_BYTES, b"\0")) is None


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        # With a date of its own: these bytes name a test, which has one name in every process.
        archive.writestr(zipfile.ZipInfo("a.jpg"), b"\xff\xd8\xff")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"just some words, more than a header's worth of them, but no image at all, none",
        b"\0" * 100,
        b"\xff" * 100,
        b"%PDF-1.7\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?>",
        b"\x7fELF\2\1\1",
        b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
        b"\0\0\0\x14ftypqt  ",
        b"ID3\4",
        b"OggS",
        b"\x1aE\xdf\xa3",
        b"SQLite format 3\0",
        b"#!/bin/sh\n",
        zipped(),
    ],
)
def test_other_files_are_refused_at_sight(data: bytes) -> None:
    refusal = refusal_at_sight(data[:HEAD_BYTES])
    assert refusal is not None
    assert refusal.reason is SkipReason.NOT_AN_IMAGE


@pytest.mark.parametrize("head", [b"%!PS-Adobe-3.0 EPSF-3.0", b"\xc5\xd0\xd3\xc6", b"8BPS\0\2"])
def test_what_is_an_image_and_is_not_read_is_named(head: bytes) -> None:
    refusal = refusal_at_sight(head)
    assert refusal is not None
    assert refusal.reason is SkipReason.UNSUPPORTED


@pytest.mark.parametrize("length", range(20))
def test_a_file_of_a_few_bytes_is_judged_without_an_error(length: int) -> None:
    for kind in ("JPEG", "TGA", "HEIF", "SPIDER"):
        refusal = refusal_at_sight(sample(kind)[:length])
        assert refusal is None or refusal.reason in (SkipReason.EMPTY, SkipReason.NOT_AN_IMAGE)


@pytest.mark.kit
def test_an_image_of_the_kit_is_known_by_its_head_whatever_its_name(kit: Path) -> None:
    images = {"jpg", "jpeg", "webp", "avif", "jp2", "qoi", "dds", "tga", "ico", "im"}
    unknown = set()
    for file in (kit / "formats" / "pillow").rglob("*"):
        if file.is_file() and refusal_at_sight(file.read_bytes()[:HEAD_BYTES]):
            unknown.add(file.suffix[1:].lower())
    assert unknown.isdisjoint(images)
    assert {"fli", "flc", "doc", "pdf"} <= unknown
