"""What a file says of itself: the same, whether its pixels are decoded or not."""

import struct
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from embed import ImageHeader, decode_image, read_header
from embed.images import DecodedImage
from schema import ImageUnreadable, SkipReason
from tests.embed.files import encode, exif_of, ramp, sample
from tests.raw_files import Tag, dng, tiff

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'

IIM = b"\x1c\x02\x05\x00\x05title"
"""One dataset of IPTC-IIM: record 2, dataset 5 (Object Name)."""


def decoded(data: bytes) -> DecodedImage:
    return decode_image(data, target_size=16, max_pixels=1_000_000)


def facts(found: ImageHeader | DecodedImage) -> tuple[Any, ...]:
    exif = (dict(found.exif), dict(found.exif.get_ifd(ExifTags.IFD.Exif)))
    return found.width, found.height, found.format, exif, found.xmp, found.iptc


@pytest.mark.parametrize(
    "kind",
    ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF", "JXL", "GIF", "BMP", "JPEG2000", "TGA", "DNG"],
)
def test_the_header_says_what_decoding_says(kind: str) -> None:
    data = sample(kind)
    header = read_header(data)
    assert facts(header) == facts(decoded(data))
    assert (header.width, header.height) == (120, 80)
    assert (header.xmp, header.iptc) == (b"", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF", "JXL"])
def test_exif_is_handed_on(kind: str) -> None:
    data = encode(ramp(), kind, exif=exif_of(Model="D70").tobytes())
    for found in (read_header(data), decoded(data)):
        assert found.exif[ExifTags.Base.Model] == "D70"


def with_xmp(kind: str) -> bytes:
    if kind == "PNG":
        marks = PngImagePlugin.PngInfo()
        marks.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return encode(ramp(), kind, pnginfo=marks)
    if kind == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700] = XMP
        return encode(ramp(), kind, tiffinfo=tags)
    if kind == "DNG":
        return dng(np.asarray(ramp()), xmp=XMP)
    return encode(ramp(), kind, xmp=XMP)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF", "JXL", "DNG"])
def test_the_xmp_packet_is_handed_on_as_it_stands(kind: str) -> None:
    data = with_xmp(kind)
    assert read_header(data).xmp == XMP
    assert decoded(data).xmp == XMP


def photoshop_resources(datasets: bytes) -> bytes:
    """A JPEG's APP13 with one image resource (Adobe, Photoshop File Formats)."""
    resource = b"8BIM" + struct.pack(">H", 0x0404) + b"\0\0" + struct.pack(">I", len(datasets))
    content = b"Photoshop 3.0\0" + resource + datasets + bytes(len(datasets) % 2)
    return b"\xff\xed" + struct.pack(">H", 2 + len(content)) + content


def test_iptc_of_a_jpeg_is_handed_on_as_it_stands() -> None:
    plain = sample("JPEG")
    data = plain[:2] + photoshop_resources(IIM) + plain[2:]
    assert read_header(data).iptc == IIM
    assert decoded(data).iptc == IIM


@pytest.mark.parametrize("kind", [1, 4, 7])
def test_iptc_of_a_tiff_is_handed_on_whatever_its_type(kind: int) -> None:
    datasets = IIM + bytes(-len(IIM) % 4)
    is_long = kind == 4
    values = struct.unpack(f"<{len(datasets) // 4}I" if is_long else f"{len(datasets)}B", datasets)
    grey: dict[int, Tag] = {
        256: (4, [8]), 257: (4, [8]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]), 277: (3, [1]),
        278: (4, [8]), 33723: (kind, values),
    }  # fmt: skip
    data = tiff([(grey, bytes(64))])
    assert read_header(data).iptc == datasets
    assert decoded(data).iptc == datasets


def marks_last(data: bytes) -> bytes:
    """Move a PNG's metadata behind its pixels."""
    first, late, pixels, at = [], [], [], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        where = late if kind in (b"eXIf", b"iTXt") else pixels if kind == b"IDAT" else first
        where.append(data[at:end])
        at = end
    return b"".join([data[:8], *first[:-1], *pixels, *late, first[-1]])


def test_metadata_behind_the_pixels_of_a_png_is_found_without_decoding_them() -> None:
    marks = PngImagePlugin.PngInfo()
    marks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    exif = exif_of(Model="D70", Orientation=6).tobytes()
    data = marks_last(encode(ramp(), "PNG", pnginfo=marks, exif=exif))
    assert data.index(b"IDAT") < min(data.index(b"eXIf"), data.index(b"iTXt"))
    assert facts(read_header(data)) == facts(decoded(data))
    broken = data.replace(b"IDAT\x78", b"IDAT\x00")
    header = read_header(broken)
    assert (header.xmp, header.width, header.height) == (XMP, 80, 120)
    assert header.exif[ExifTags.Base.Model] == "D70"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_the_size_is_that_of_the_upright_image(kind: str, orientation: int) -> None:
    data = encode(ramp(), kind, exif=exif_of(Orientation=orientation).tobytes())
    expected = (120, 80) if orientation == 3 else (80, 120)
    for found in (read_header(data), decoded(data)):
        assert (found.width, found.height) == expected


def test_the_header_of_a_bomb_is_read_without_unfolding_it() -> None:
    header = read_header(encode(Image.new("1", (30_000, 30_000)), "PNG"))
    assert (header.width, header.height) == (30_000, 30_000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", SkipReason.EMPTY),
        (b"some words", SkipReason.NOT_AN_IMAGE),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), SkipReason.CORRUPT),
        (b"%!PS-Adobe", SkipReason.UNSUPPORTED),
    ],
)
def test_a_header_that_cannot_be_read_has_a_reason(data: bytes, reason: SkipReason) -> None:
    with pytest.raises(ImageUnreadable) as refusal:
        read_header(data)
    assert refusal.value.reason is reason
