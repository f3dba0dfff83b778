"""Ingestion of real files: photographs, and everything odd and broken."""

from pathlib import Path

import pytest

from ingest import plan_scopes
from schema import SkipReason
from tests.ingest.small_archive import SmallArchive, counts, draw, write


@pytest.mark.kit
def test_real_photographs_are_indexed_once(archive: SmallArchive, kit: Path) -> None:
    scopes = plan_scopes([kit / "photos"], [])
    assert counts(archive.ingest(*scopes, batch_size=32)) == {"indexed": 875}
    assert counts(archive.ingest(*scopes)) == {"unchanged": 875}
    assert archive.encoder.embedded == 875


SAMPLES = {
    SkipReason.TRUNCATED: (
        "truncated_jpeg.jpg",
        "truncated_image.png",
        "shortfile.bmp",
        "cross_scan_line_truncated.tga",
        "not_enough_data.jp2",
    ),
    SkipReason.CORRUPT: (
        "broken.png",
        "badheadersize.bmp",
        "unknown_compression_method.png",
        "hopper_bad_checksum.msp",
        "libtiff_segfault.tif",
        "negative_size.ppm",
    ),
    SkipReason.TOO_LARGE: ("decompression_bomb.gif", "decompression_bomb.ico", "reallybig.bmp"),
    SkipReason.UNSUPPORTED: ("non_zero_bb.eps", "1.eps"),
    SkipReason.NOT_AN_IMAGE: ("hopper.fli", "hopper.fits", "drawing.wmf", "invalid.spider", "dump"),
}
"""Files of the kit whose reason was checked by looking at them."""


@pytest.mark.kit
@pytest.mark.slow
def test_every_odd_or_broken_file_is_indexed_or_skipped_for_its_true_reason(
    archive: SmallArchive, kit: Path
) -> None:
    report = archive.ingest(*plan_scopes([kit / "formats"], []), max_pixels=100_000_000)
    assert report.scanned == report.indexed + report.moved + report.skipped
    assert report.indexed > 850
    assert all(skip.detail and Path(skip.path).is_file() for skip in report.skips)
    reasons = {Path(skip.path).name: skip.reason for skip in report.skips}
    for reason, names in SAMPLES.items():
        assert {name: reasons.get(name) for name in names} == dict.fromkeys(names, reason)
    assert set(reasons.values()) == set(SAMPLES), "no decoder crashed or hung"


@pytest.mark.kit
def test_what_is_no_image_by_its_name_is_passed_over(archive: SmallArchive, kit: Path) -> None:
    report = archive.ingest(*plan_scopes([kit / "formats" / "pillow"], []))
    names = {Path(skip.path).suffix for skip in report.skips} | {
        Path(path).suffix for path in archive.paths()
    }
    assert names.isdisjoint({".pdf", ".doc", ".tar", ".h5", ".icc", ".lut"})


@pytest.mark.kit
@pytest.mark.parametrize("name", ["iphone_13_pro_max.HEIC", "samplefilehub.heif"])
def test_images_of_phones_are_indexed(archive: SmallArchive, kit: Path, name: str) -> None:
    (file,) = (kit / "formats").rglob(name)
    write(archive.folder / name, file.read_bytes())
    assert counts(archive.ingest(max_pixels=20_000_000)) == {"indexed": 1}
    [record] = archive.store.iterate()
    assert record.format == "heic"
    if name.startswith("iphone"):
        assert (record.width, record.height) == (3024, 4032)
        assert record.camera == "Apple iPhone 13 Pro Max"
        assert record.taken_at is not None


def test_an_image_is_found_by_its_content_whatever_its_name(archive: SmallArchive) -> None:
    data = draw(archive.folder / "a.png").read_bytes()
    (archive.folder / "a.png").unlink()
    for seed, name in enumerate(("noextension", "wrong.heic", "strange.xyz", "b.jpg")):
        write(archive.folder / name, data + bytes(seed))
    write(archive.folder / "c.txt", data)
    assert counts(archive.ingest()) == {"indexed": 4}
    assert {record.format for record in archive.store.iterate()} == {"png"}


def test_what_is_looked_at_and_is_no_image_is_named(archive: SmallArchive) -> None:
    draw(archive.folder / "a.png")
    write(archive.folder / "README", b"words about the images in this folder, and many more words")
    report = archive.ingest()
    assert counts(report) == {"indexed": 1, "skipped": 1}
    assert report.skips[0].reason is SkipReason.NOT_AN_IMAGE
    assert counts(archive.ingest()) == {"unchanged": 1, "skipped": 1}
