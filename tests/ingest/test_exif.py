"""EXIF to facts: what is read, what is unknown, and that nothing raises."""

import io
import json
import shutil
import subprocess
import warnings
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ingest.exif import ExifFacts, read_exif

MAIN, CAMERA, GPS = 0, 0x8769, 0x8825


def facts(
    main: dict[int, object] | None = None,
    camera: dict[int, object] | None = None,
    gps: dict[int, object] | None = None,
) -> ExifFacts:
    """Read EXIF that holds these tags, as Pillow gives them."""
    exif = Image.Exif()
    exif.update(main or {})
    exif._ifds[CAMERA] = camera or {}
    exif._ifds[GPS] = gps or {}
    return read_exif(exif)


def milliseconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[arg-type, misc]


def test_no_exif_is_all_unknown() -> None:
    assert facts() == ExifFacts()


def test_the_time_is_the_local_wall_clock_with_subseconds_and_offset() -> None:
    read = facts(
        camera={0x9003: "2019:07:04 12:30:05", 0x9291: "25", 0x9011: "+05:30"},
    )
    assert read.taken_at == milliseconds(2019, 7, 4, 12, 30, 5) + 250
    assert read.utc_offset_min == 330


@pytest.mark.parametrize(
    ("subseconds", "expected"), [("7", 700), ("123456", 123), ("007", 7), ("  ", 0), ("x", 0)]
)
def test_subseconds_are_a_decimal_fraction(subseconds: str, expected: int) -> None:
    read = facts(camera={0x9003: "2019:07:04 12:30:05", 0x9291: subseconds})
    assert read.taken_at == milliseconds(2019, 7, 4, 12, 30, 5) + expected


def test_a_time_before_1970_is_negative() -> None:
    read = facts(camera={0x9003: "1955:01:02 03:04:05", 0x9291: "5"})
    assert read.taken_at == milliseconds(1955, 1, 2, 3, 4, 5) + 500


def test_the_capture_counts_before_the_digitizing_and_the_last_change_not_at_all() -> None:
    dates = {0x9003: "2001:01:01 00:00:00", 0x9004: "2002:01:01 00:00:00"}
    changed = {0x0132: "2003:01:01 00:00:00"}
    assert facts(changed, dates).taken_at == milliseconds(2001, 1, 1)
    assert facts(changed, {0x9003: "", 0x9004: dates[0x9004]}).taken_at == milliseconds(2002, 1, 1)
    assert facts(changed).taken_at is None


@pytest.mark.parametrize(
    "text",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2019:13:01 00:00:00",
        "2019:02:30 00:00:00",
        "2019:01:01 25:00:00",
        "yesterday",
        "",
        None,
        7,
        b"\xff\xfe",
    ],
)
def test_a_date_that_is_none_is_unknown(text: object) -> None:
    assert facts(camera={0x9003: text}).taken_at is None


@pytest.mark.parametrize("text", ["+15:00", "+02:75", "CEST", "", 2])
def test_an_offset_that_is_none_is_unknown(text: object) -> None:
    read = facts(camera={0x9003: "2019:07:04 12:30:05", 0x9011: text})
    assert read.utc_offset_min is None


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
        ("Canon", "Canon EOS 40D", "Canon EOS 40D"),
        ("FUJIFILM", "FinePix6900ZOOM", "FUJIFILM FinePix6900ZOOM"),
        ("OLYMPUS OPTICAL CO.,LTD", "C8080WZ", "OLYMPUS C8080WZ"),
        ("SAMSUNG TECHWIN CO., LTD.", "Digimax i50", "SAMSUNG Digimax i50"),
        ("Eastman Kodak Company", "KODAK DC210", "Eastman Kodak KODAK DC210"),
        ("samsung", "SM-G960F\0\0", "samsung SM-G960F"),
        ("Apple", "iPhone  7 ", "Apple iPhone 7"),
        ("Ricoh", None, "Ricoh"),
        (None, "X100", "X100"),
        ("", "", None),
        (7, b"", None),
    ],
)
def test_the_camera_is_maker_and_model_without_doubles(
    make: object, model: object, camera: str | None
) -> None:
    assert facts({0x010F: make, 0x0110: model}).camera == camera


def test_the_exposure_is_read_in_plain_units() -> None:
    read = facts(
        camera={
            0x829A: IFDRational(1, 250),
            0x829D: IFDRational(28, 10),
            0x8827: 400,
            0x920A: IFDRational(50),
            0xA434: "EF 50mm",
        }
    )
    assert (read.shutter_s, read.aperture, read.iso_speed, read.focal_mm, read.lens) == (
        0.004,
        2.8,
        400,
        50.0,
        "EF 50mm",
    )


def test_apex_values_stand_in_for_missing_ones() -> None:
    read = facts(camera={0x9201: IFDRational(7), 0x9202: IFDRational(4)})
    assert (read.shutter_s, read.aperture) == (1 / 128, 4.0)


def test_a_large_iso_speed_is_read_where_it_fits() -> None:
    assert facts(camera={0x8827: 65535, 0x8833: 102400}).iso_speed == 102400
    assert facts(camera={0x8827: (800, 0)}).iso_speed == 800


@pytest.mark.parametrize(
    "value", [IFDRational(0, 0), IFDRational(1, 0), IFDRational(-1, 2), 0, "x", b"\0", (), None]
)
def test_numbers_that_mean_nothing_are_unknown(value: object) -> None:
    read = facts(camera={0x829A: value, 0x829D: value, 0x8827: value, 0x920A: value})
    assert read == ExifFacts()


def degrees(*parts: float) -> tuple[IFDRational, ...]:
    return tuple(
        IFDRational(Fraction(part).limit_denominator(1000).numerator,
                    Fraction(part).limit_denominator(1000).denominator)
        for part in parts
    )  # fmt: skip


def test_a_position_is_read_in_degrees_north_and_east() -> None:
    read = facts(gps={1: "S", 2: degrees(33, 51, 35.9), 3: "W", 4: degrees(70, 30, 0)})
    assert read.lat == pytest.approx(-(33 + 51 / 60 + 35.9 / 3600))
    assert read.lon == -70.5


def test_minutes_with_decimals_and_no_seconds_are_read() -> None:
    unwritten = (*degrees(10, 30), IFDRational(0, 0))
    assert facts(gps={1: "N", 2: unwritten, 3: "E", 4: degrees(20.25)}).lat == 10.5


@pytest.mark.parametrize(
    "gps",
    [
        {1: "N", 2: (0, 0, 0), 3: "E", 4: (0, 0, 0)},
        {2: (0, 0, 0), 4: (0, 0, 0)},
        {2: (10, 0, 0), 4: (20, 0, 0)},
        {1: "N", 2: (10, 0, 0)},
        {1: "N", 2: (91, 0, 0), 3: "E", 4: (20, 0, 0)},
        {1: "N", 2: (10, 0, 0), 3: "E", 4: (181, 0, 0)},
        {1: "N", 2: (-10, 0, 0), 3: "E", 4: (20, 0, 0)},
        {1: "N", 2: (IFDRational(0, 0), 0, 0), 3: "E", 4: (20, 0, 0)},
        {1: "?", 2: (10, 0, 0), 3: "E", 4: (20, 0, 0)},
        {1: "N", 2: (), 3: "E", 4: "20"},
        {1: 7, 2: "x", 3: None, 4: b""},
    ],
)
def test_half_a_position_or_a_wrong_one_is_unknown(gps: dict[int, object]) -> None:
    read = facts(gps=gps)
    assert (read.lat, read.lon) == (None, None)


@pytest.mark.parametrize(
    ("main", "stars"),
    [
        ({0x4746: 4}, 4),
        ({0x4746: 0}, None),
        ({0x4746: 6}, None),
        ({0x4746: -1}, None),
        ({0x4749: 1}, 1),
        ({0x4749: 25}, 2),
        ({0x4749: 75}, 4),
        ({0x4749: 99}, 5),
        ({0x4749: 0}, None),
        ({0x4746: "x"}, None),
    ],
)
def test_a_rating_is_one_to_five_stars(main: dict[int, object], stars: int | None) -> None:
    assert facts(main).rating == stars


def test_title_description_and_keywords_are_read() -> None:
    read = facts(
        {
            0x010E: "A walk\r\n on the beach\0rubbish",
            0x9C9B: "Été".encode("utf-16-le") + b"\0\0",
            0x9C9E: tuple("sea; dog;sea;;".encode("utf-16-le")),
        }
    )
    assert read.titles == ("Été", "A walk on the beach")
    assert read.tags == ("sea", "dog")


def test_utf8_that_pillow_took_for_latin1_is_mended() -> None:
    mistaken = "Zürich 湖".encode().decode("latin-1")
    assert facts({0x010E: mistaken}).titles == ("Zürich 湖",)
    assert facts({0x010E: "caf\xe9"}).titles == ("café",)


@pytest.mark.parametrize("text", ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "   ", "Minolta DSC"])
def test_what_the_camera_writes_into_every_image_is_no_description(text: str) -> None:
    assert facts({0x010E: text}).titles == ()


def test_a_directory_that_cannot_be_parsed_is_unknown() -> None:
    class Broken(Image.Exif):
        def get_ifd(self, tag: int) -> dict[int, object]:
            raise OverflowError("a hostile offset")

    exif = Broken()
    exif[0x0110] = "X100"
    assert read_exif(exif) == ExifFacts(camera="X100")


VALUES = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.binary(max_size=30)
    | st.builds(IFDRational, st.integers(-(2**32), 2**32), st.integers(-(2**32), 2**32)),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=5,
)
TAGS = [
    *(0x010E, 0x010F, 0x0110, 0x0132, 0x4746, 0x4749, 0x9C9B, 0x9C9E),
    *(0x829A, 0x829D, 0x8827, 0x8833, 0x9003, 0x9004, 0x9011, 0x9201, 0x9202, 0x920A, 0x9291),
    *(0xA434, 1, 2, 3, 4),
]
ANY_TAGS = st.dictionaries(st.sampled_from(TAGS), VALUES, max_size=len(TAGS))


@given(ANY_TAGS, ANY_TAGS, ANY_TAGS)
def test_any_values_give_facts_that_a_row_can_hold(
    main: dict[int, object], camera: dict[int, object], gps: dict[int, object]
) -> None:
    read = facts(main, camera, gps)
    assert (read.lat is None) == (read.lon is None)
    assert read.lat is None or abs(read.lat) <= 90
    assert read.lon is None or abs(read.lon) <= 180
    assert read.rating in (None, 1, 2, 3, 4, 5)
    for integer in (read.taken_at, read.utc_offset_min, read.iso_speed):
        assert integer is None or abs(integer) < 2**62
    for number in (read.focal_mm, read.aperture, read.shutter_s):
        assert number is None or 0 < number < 1e7
    for text in (read.camera or "", read.lens or "", *read.titles, *read.tags):
        assert text.encode().decode() == text
        assert "\0" not in text


@given(st.binary(max_size=400))
def test_any_bytes_for_exif_raise_nothing(data: bytes) -> None:
    exif = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exif.load(b"Exif\0\0II*\0\x08\0\0\0" + data)
        except Exception:  # noqa: BLE001  # nothing was loaded, so there is nothing to read
            return
        assert isinstance(read_exif(exif), ExifFacts)


@pytest.mark.kit
def test_dates_and_positions_of_real_cameras_are_those_that_exiftool_reads(kit: Path) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")
    samples = sorted((kit / "formats" / "exif-samples" / "jpg").rglob("*.jp*g"))
    command = ["exiftool", "-j", "-n", "-DateTimeOriginal", "-GPSLatitude", "-GPSLongitude"]
    shown = subprocess.run([*command, *samples], capture_output=True, check=False).stdout
    wrong = []
    for expected in json.loads(shown):
        read = _read(Path(expected["SourceFile"]))
        date = expected.get("DateTimeOriginal", "")
        if date[:4].strip(" 0:") and read.taken_at is not None:
            moment = datetime.fromtimestamp(read.taken_at // 1000, UTC)
            if moment.strftime("%Y:%m:%d %H:%M:%S") != date:
                wrong.append((expected["SourceFile"], date, moment))
        if read.lat is not None and abs(read.lat - expected["GPSLatitude"]) > 1e-6:
            wrong.append((expected["SourceFile"], expected["GPSLatitude"], read.lat))
    assert wrong == []


@pytest.mark.kit
@pytest.mark.parametrize(
    ("name", "camera", "taken_at", "position"),
    [
        ("Canon_40D.jpg", "Canon EOS 40D", (2008, 5, 30, 15, 56, 1), None),
        ("Nikon_D70.jpg", "NIKON D70", (2008, 3, 15, 9, 52, 1), None),
        ("gps/DSCN0010.jpg", "NIKON COOLPIX P6000", (2008, 10, 22, 16, 28, 39), (43.4674, 11.8851)),
        ("Fujifilm_FinePix6900ZOOM.jpg", "FUJIFILM FinePix6900ZOOM", (2001, 2, 19, 6, 40, 5), None),
    ],
)  # fmt: skip
def test_what_real_cameras_write_is_read(
    kit: Path,
    name: str,
    camera: str,
    taken_at: tuple[int, ...],
    position: tuple[float, float] | None,
) -> None:
    read = _read(kit / "formats" / "exif-samples" / "jpg" / name)
    assert read.camera == camera
    assert read.taken_at is not None
    assert read.taken_at // 1000 * 1000 == milliseconds(*taken_at)
    if position is None:
        assert (read.lat, read.lon) == (None, None)
    else:
        assert (read.lat, read.lon) == pytest.approx(position, abs=1e-4)


def _read(path: Path) -> ExifFacts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            return read_exif(image.getexif())
