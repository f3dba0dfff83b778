"""The record of an image, made from its file, its EXIF and its path."""

import pytest
from PIL import Image

from embed.images import DecodedImage
from ingest.metadata import FileFacts, make_record, path_words, read_facts
from schema import ImageRecord, row_id

FILE = FileFacts("root", "Trips/2019 Norway/IMG_0042.JPG", 10, 20, 30, "c" * 32, 40)


def decoded(tags: dict[int, object] | None = None) -> DecodedImage:
    exif = Image.Exif()
    exif.update(tags or {})
    return DecodedImage(Image.new("RGB", (8, 6)), 4000, 3000, "jpeg", exif)


def record_of(file: FileFacts, image: DecodedImage) -> ImageRecord:
    size = {"width": image.width, "height": image.height}
    return make_record(file, read_facts(image, b""), **size, format=image.format, phash=-1)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Trips/2019 Norway/IMG_0042.JPG", "Trips 2019 Norway IMG 0042"),
        ("a.b.c.jpg", "a b c"),
        ("Cafe\u0301/menu-1.png", "Café menu 1"),
        ("海邊/狗.jpg", "海邊 狗"),
        ("___.jpg", ""),
    ],
)
def test_the_words_of_a_path_leave_out_signs_and_the_extension(path: str, words: str) -> None:
    assert path_words(path) == words


def test_a_record_joins_the_file_the_full_size_and_the_exif() -> None:
    record = record_of(FILE, decoded({0x0110: "X100", 0x010E: "A fjord", 0x4746: 5}))
    assert record.id == row_id("root", FILE.path)
    assert (record.root, record.path, record.content) == ("root", FILE.path, FILE.content)
    assert (record.size_bytes, record.mtime_ns) == (10, 20)
    assert (record.width, record.height, record.format) == (4000, 3000, "jpeg")
    assert (record.camera, record.rating, record.taken_at) == ("X100", 5, None)
    assert record.text == "Trips 2019 Norway IMG 0042\nA fjord"


def test_keywords_are_tags_and_words() -> None:
    record = record_of(FILE, decoded({0x9C9E: "sea;red boat".encode("utf-16-le")}))
    assert record.tags == ("sea", "red boat")
    assert record.text.endswith("\nsea\nred boat")
