"""The record of an image, made from its file, its metadata, its name and its place."""

import os
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from embed.images import DecodedImage
from ingest.facts import Facts
from ingest.metadata import FileFacts, make_record, path_words, read_facts
from schema import ImageRecord, row_id

NOW_NS = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()) * 10**9
CHANGED_NS = int(datetime(2020, 1, 15, 12, 0, 5, 250_000, tzinfo=UTC).timestamp() * 1000) * 10**6

FILE = FileFacts("root", "Trips/2019 Norway/IMG_0042.JPG", 10, CHANGED_NS, 30, "c" * 32, NOW_NS)


def record_of(facts: Facts, file: FileFacts = FILE) -> ImageRecord:
    return make_record(file, facts, width=4000, height=3000, format="jpeg", phash=7)


def decoded(
    tags: dict[int, object] | None = None, xmp: bytes = b"", iptc: bytes = b""
) -> DecodedImage:
    exif = Image.Exif()
    exif.update(tags or {})
    return DecodedImage(Image.new("RGB", (8, 6)), 4000, 3000, "jpeg", exif, xmp, iptc)


def packet(attributes: str) -> bytes:
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<rdf:Description {attributes}/></rdf:RDF>"
    ).encode()


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


def test_the_facts_are_those_of_the_exif_the_xmp_the_iptc_and_the_sidecar() -> None:
    image = decoded(
        {0x0110: "X100", 0x010E: "by the camera's owner"},
        packet('xmp:Rating="2" dc:title="in the file"'),
        b"\x1c\x02\x19\x00\x03sea",
    )
    read = read_facts(image, packet('xmp:Rating="5"'))
    assert read == Facts(
        camera="X100",
        description="by the camera's owner",
        title="in the file",
        tags=("sea",),
        rating=5,
    )


def test_facts_can_cross_to_another_process() -> None:
    facts = read_facts(decoded({0x0110: "X100"}), packet('xmp:Rating="6"'))
    assert facts == Facts(camera="X100", malformed=1)
    assert pickle.loads(pickle.dumps(facts)) == facts


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=100))
def test_no_bytes_raise(xmp: bytes, iptc: bytes, sidecar: bytes) -> None:
    assert isinstance(read_facts(decoded({}, xmp, iptc), sidecar), Facts)


def test_a_record_joins_the_file_the_full_size_and_the_facts() -> None:
    record = record_of(Facts(camera="X100", description="A fjord", rating=5))
    assert record.id == row_id("root", FILE.path)
    assert (record.root, record.path, record.content) == ("root", FILE.path, FILE.content)
    assert (record.size_bytes, record.mtime_ns) == (10, CHANGED_NS)
    assert (record.width, record.height, record.format, record.phash) == (4000, 3000, "jpeg", 7)
    assert (record.camera, record.rating) == ("X100", 5)
    assert record.text == "Trips 2019 Norway IMG 0042\nA fjord"


def test_title_description_keywords_and_place_are_words_to_search_by() -> None:
    record = record_of(
        Facts(
            title="A fjord",
            description="A fjord",
            tags=("sea", "red boat"),
            place="Oslo",
            country="Norway",
        )
    )
    assert record.tags == ("sea", "red boat")
    assert record.text.split("\n")[1:] == ["A fjord", "sea", "red boat", "Oslo", "Norway"]


@pytest.mark.parametrize(("rating", "expected"), [(None, None), (0, None), (1, 1), (-1, -1)])
def test_no_stars_are_unknown_and_rejected_is_known(
    rating: int | None, expected: int | None
) -> None:
    assert record_of(Facts(rating=rating)).rating == expected


OSLO = {"lat": 59.9, "lon": 10.7}


@pytest.mark.parametrize(
    ("facts", "place", "country"),
    [
        (Facts(**OSLO), "Oslo", "Norway"),
        (Facts(**OSLO, place="Frogner"), "Frogner", "Norway"),
        (Facts(**OSLO, country="Norge"), "Oslo", "Norge"),
        (Facts(place="Frogner"), "Frogner", None),
        (Facts(lat=0.0, lon=-30.0), None, None),
        (Facts(), None, None),
    ],
)
def test_a_written_place_goes_before_the_one_of_the_position(
    facts: Facts, place: str | None, country: str | None
) -> None:
    record = record_of(facts)
    assert (record.place, record.country) == (place, country)


@pytest.fixture
def in_oslo() -> Iterator[None]:
    """A machine whose clock is two hours east of UTC in summer and one in winter."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def taken(record: ImageRecord) -> tuple[str | None, datetime | None, int | None]:
    moment = None
    if record.taken_at is not None:
        moment = datetime.fromtimestamp(record.taken_at / 1000, UTC).replace(tzinfo=None)
    return record.taken_from, moment, record.utc_offset_min


NAMED = replace(FILE, path="a/IMG_20190704_123005.jpg")
INSIDE = Facts(taken_at=1000, utc_offset_min=60, taken_from="iptc")


@pytest.mark.usefixtures("in_oslo")
def test_the_time_is_that_of_the_metadata_else_of_the_name_else_of_the_file() -> None:
    assert taken(record_of(INSIDE, NAMED)) == ("iptc", datetime(1970, 1, 1, 0, 0, 1), 60)
    assert taken(record_of(Facts(), NAMED)) == ("name", datetime(2019, 7, 4, 12, 30, 5), None)
    winter = datetime(2020, 1, 15, 13, 0, 5, 250_000)
    assert taken(record_of(Facts(), FILE)) == ("file", winter, 60)


@pytest.mark.usefixtures("in_oslo")
def test_the_time_of_a_file_is_what_the_machines_clock_showed_then() -> None:
    summer_ns = int(datetime(2020, 7, 15, 23, 30, tzinfo=UTC).timestamp()) * 10**9
    record = record_of(Facts(), replace(FILE, mtime_ns=summer_ns))
    assert taken(record) == ("file", datetime(2020, 7, 16, 1, 30), 120)


@pytest.mark.parametrize(
    "mtime_ns",
    [0, -1, 10**9, 315_532_800 * 10**9, NOW_NS + 2 * 86_400 * 10**9, 2**62],
    ids=["zero", "before the epoch", "a second", "FAT's zero", "the day after tomorrow", "never"],
)
def test_an_impossible_time_of_a_file_is_unknown(mtime_ns: int) -> None:
    assert taken(record_of(Facts(), replace(FILE, mtime_ns=mtime_ns))) == (None, None, None)
