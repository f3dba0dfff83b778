"""What is read of real and of written files is what exiftool reads of them, or wrote into them.

Exiftool (https://exiftool.org) is the reference: of all files of the kit that both read, capture
date and position are compared, and a difference must be listed here with its reason.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from embed.images import decode_image
from ingest.facts import Facts
from ingest.metadata import read_facts
from schema import ImageUnreadable
from tests.ingest.exiftool import read_with_exiftool, require_exiftool, write_with_exiftool

# What a date is read from, in this order, and the tags that hold its fraction and offset.
EXIF = "ExifIFD:"
DATES = (
    (
        "exif",
        "ExifIFD:DateTimeOriginal",
        "ExifIFD:SubSecTimeOriginal",
        "ExifIFD:OffsetTimeOriginal",
    ),
    ("exif", "ExifIFD:CreateDate", "ExifIFD:SubSecTimeDigitized", "ExifIFD:OffsetTimeDigitized"),
    ("xmp", "XMP-exif:DateTimeOriginal", "", ""),
    ("xmp", "XMP-photoshop:DateCreated", "", ""),
    ("xmp", "XMP-xmp:CreateDate", "", ""),
    ("iptc", "IPTC:DateCreated", "", ""),
)

TAGS = ("-ExifIFD:all", "-GPS:all", "-XMP:all", "-IPTC:all", "-Composite:GPS*")

JUSTIFIED: dict[str, str] = {}
"""Files of the kit that are read otherwise than exiftool reads them, and why."""


@pytest.fixture(scope="module")
def compared(kit: Path) -> list[tuple[str, dict[str, Any], Facts]]:
    """Each file of the kit's formats that both read, with both readings."""
    require_exiftool()
    folder = kit / "formats"
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    expected = read_with_exiftool(paths, *TAGS)
    both = []
    for path in paths:
        try:
            decoded = decode_image(path.read_bytes(), target_size=64, max_pixels=100_000_000)
        except ImageUnreadable:
            continue
        name = str(path.relative_to(folder))
        if path in expected and name not in JUSTIFIED:
            both.append((name, expected[path], read_facts(decoded, b"")))
    return both


@pytest.mark.kit
def test_every_date_of_the_kit_is_the_one_that_exiftool_reads(
    compared: list[tuple[str, dict[str, Any], Facts]],
) -> None:
    wrong = [
        (name, date_of(expected), shown(facts))
        for name, expected, facts in compared
        if date_of(expected) != shown(facts)
    ]
    assert wrong == []
    sources = {facts.taken_from for _, _, facts in compared}
    assert sources == {"exif", "xmp", "iptc", None}


@pytest.mark.kit
def test_every_position_of_the_kit_is_the_one_that_exiftool_reads(
    compared: list[tuple[str, dict[str, Any], Facts]],
) -> None:
    positions = [
        (
            name,
            (expected.get("Composite:GPSLatitude"), expected.get("Composite:GPSLongitude")),
            facts,
        )
        for name, expected, facts in compared
    ]
    wrong = [
        (name, position, (facts.lat, facts.lon))
        for name, position, facts in positions
        if (facts.lat, facts.lon) != pytest.approx(position, abs=1e-5)
    ]
    assert wrong == []
    assert sum(facts.lat is not None for _, _, facts in positions) >= 12


def date_of(expected: dict[str, Any]) -> tuple[str, str, int | None] | None:
    """Return the source, the date to the millisecond and the offset in minutes that exiftool
    gives; of a date alone the first moment, none where it is blank."""
    for source, tag, fraction_tag, offset_tag in DATES:
        written = str(expected.get(tag, ""))
        if not written.strip(" :0"):
            continue
        if tag == "IPTC:DateCreated":
            written += f" {expected.get('IPTC:TimeCreated', '00:00:00')}"
        written += str(expected.get(offset_tag, ""))
        moment, offset = written[:19], written[19:]
        fraction = str(expected.get(fraction_tag, ""))
        if offset.startswith("."):
            fraction = offset[1:].rstrip("Z").split("+")[0].split("-")[0]
            offset = offset[1 + len(fraction) :]
        complete = moment + "0000:01:01 00:00:00"[len(moment) :]
        return source, f"{complete}.{fraction[:3]:0<3}", minutes(offset)
    return None


def minutes(offset: str) -> int | None:
    if offset in ("", "Z"):
        return 0 if offset else None
    hour, minute = offset[1:].split(":")
    return (int(hour) * 60 + int(minute)) * (-1 if offset[0] == "-" else 1)


def shown(facts: Facts) -> tuple[str, str, int | None] | None:
    if facts.taken_at is None or facts.taken_from is None:
        return None
    moment = datetime.fromtimestamp(facts.taken_at // 1000, UTC)
    date = f"{moment:%Y:%m:%d %H:%M:%S}.{facts.taken_at % 1000:03}"
    return facts.taken_from, date, facts.utc_offset_min


FORMATS = ("jpg", "tif", "png", "webp")
WITH_IPTC = ("jpg", "tif")


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """Where to put an image, less its extension."""
    require_exiftool()
    return tmp_path / "image"


def read_written(blank: Path, suffix: str, *tags: str, sidecar: bytes = b"") -> Facts:
    """Let exiftool write tags into a plain image of a format, and read it back."""
    path = blank.with_suffix(f".{suffix}")
    Image.new("RGB", (32, 24), "teal").save(path)
    write_with_exiftool(path, *tags)
    return read_facts(decode_image(path.read_bytes(), target_size=64, max_pixels=10_000), sidecar)


WORDS = {
    "title": "Ein Fjord: Ålesund",
    "description": "شاطئ عند الغروب",
    "place": "Ålesund",
    "country": "النرويج",
}
KEYWORDS = ("بحر", "red boat", "海", "fête")


@pytest.mark.parametrize("suffix", FORMATS)
def test_xmp_that_exiftool_wrote_is_read(blank: Path, suffix: str) -> None:
    facts = read_written(
        blank,
        suffix,
        f"-XMP-dc:Title={WORDS['title']}",
        f"-XMP-dc:Description={WORDS['description']}",
        f"-XMP-photoshop:City={WORDS['place']}",
        f"-XMP-photoshop:Country={WORDS['country']}",
        *(f"-XMP-dc:Subject={keyword}" for keyword in KEYWORDS),
        "-XMP-lr:HierarchicalSubject=Places|Norway",
        "-XMP-xmp:Rating=4",
        "-XMP-exif:DateTimeOriginal=2019:07:04 12:30:05.25+02:00",
        "-XMP-exif:GPSLatitude=62.4722",
        "-XMP-exif:GPSLongitude=-6.1549",
        "-XMP-tiff:Make=NIKON CORPORATION",
        "-XMP-tiff:Model=NIKON D70",
        "-XMP-aux:Lens=18-70mm",
        "-XMP-exif:ExposureTime=1/250",
        "-XMP-exif:FNumber=2.8",
        "-XMP-exif:FocalLength=50",
        "-XMP-exif:ISO=400",
    )
    assert facts == Facts(
        **WORDS,
        taken_at=milliseconds(2019, 7, 4, 12, 30, 5) + 250,
        utc_offset_min=120,
        taken_from="xmp",
        camera="NIKON D70",
        lens="18-70mm",
        iso_speed=400,
        focal_mm=50.0,
        aperture=2.8,
        shutter_s=0.004,
        lat=pytest.approx(62.4722, abs=1e-5),
        lon=pytest.approx(-6.1549, abs=1e-5),
        rating=4,
        tags=(*KEYWORDS, "Places", "Norway"),
    )


@pytest.mark.parametrize("charset", ["UTF8", "Latin"])
@pytest.mark.parametrize("suffix", WITH_IPTC)
def test_iptc_that_exiftool_wrote_is_read(blank: Path, suffix: str, charset: str) -> None:
    words = WORDS if charset == "UTF8" else {"title": "Ålesund: fête", "place": "Ålesund"}
    keywords = KEYWORDS if charset == "UTF8" else ("red boat", "fête")
    tags = {"title": "ObjectName", "description": "Caption-Abstract", "place": "City"}
    tags["country"] = "Country-PrimaryLocationName"
    facts = read_written(
        blank,
        suffix,
        *(["-IPTC:CodedCharacterSet=UTF8"] if charset == "UTF8" else ["-charset", "iptc=Latin"]),
        *(f"-IPTC:{tags[fact]}={text}" for fact, text in words.items()),
        *(f"-IPTC:Keywords={keyword}" for keyword in keywords),
        "-IPTC:DateCreated=2019:07:04",
        "-IPTC:TimeCreated=12:30:05-03:30",
    )
    assert facts == Facts(
        **words,
        tags=keywords,
        taken_at=milliseconds(2019, 7, 4, 12, 30, 5),
        utc_offset_min=-210,
        taken_from="iptc",
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_exif_that_exiftool_wrote_is_read(blank: Path, suffix: str) -> None:
    facts = read_written(
        blank,
        suffix,
        "-ExifIFD:DateTimeOriginal=2019:07:04 12:30:05",
        "-ExifIFD:SubSecTimeOriginal=071",
        "-ExifIFD:OffsetTimeOriginal=-09:30",
        "-GPS:GPSLatitude=33.8567844",
        "-GPS:GPSLatitudeRef=S",
        "-GPS:GPSLongitude=151.2152967",
        "-GPS:GPSLongitudeRef=E",
        "-IFD0:XPTitle=Été",
        "-IFD0:ImageDescription=Ålesund",
        "-IFD0:XPKeywords=بحر;red boat",
        "-IFD0:Rating=5",
        "-IFD0:Model=X100",
        "-ExifIFD:LensModel=EF 50mm",
    )
    assert facts == Facts(
        taken_at=milliseconds(2019, 7, 4, 12, 30, 5) + 71,
        utc_offset_min=-570,
        taken_from="exif",
        lat=pytest.approx(-33.8567844, abs=1e-7),
        lon=pytest.approx(151.2152967, abs=1e-7),
        title="Été",
        description="Ålesund",
        tags=("بحر", "red boat"),
        rating=5,
        camera="X100",
        lens="EF 50mm",
    )


def test_a_sidecar_that_exiftool_wrote_goes_before_the_file_where_people_edit(blank: Path) -> None:
    sidecar = write_with_exiftool(
        blank.with_suffix(".xmp"),
        "-XMP-xmp:Rating=-1",
        "-XMP-dc:Subject=بحر",
        "-XMP-dc:Title=new",
        "-XMP-exif:DateTimeOriginal=2020:01:01 00:00:00",
        "-XMP-exif:GPSLatitude=10.5",
        "-XMP-exif:GPSLongitude=20.25",
    )
    facts = read_written(
        blank,
        "jpg",
        "-XMP-xmp:Rating=3",
        "-XMP-dc:Subject=boat",
        "-XMP-dc:Title=old",
        "-IPTC:Caption-Abstract=as it was",
        "-ExifIFD:DateTimeOriginal=2019:07:04 12:30:05",
        sidecar=sidecar.read_bytes(),
    )
    assert facts == Facts(
        rating=-1,
        tags=("بحر", "boat"),
        title="new",
        description="as it was",
        taken_at=milliseconds(2019, 7, 4, 12, 30, 5),
        taken_from="exif",
        lat=10.5,
        lon=20.25,
    )


def milliseconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[arg-type, misc]
