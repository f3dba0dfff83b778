"""EXIF to facts: what is read, what is unknown, and that nothing raises."""

import io
import warnings
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ingest.exif import read_exif
from ingest.facts import Facts

MAIN, CAMERA, GPS = 0, 0x8769, 0x8825


def facts(
    main: dict[int, object] | None = None,
    camera: dict[int, object] | None = None,
    gps: dict[int, object] | None = None,
) -> Facts:
    """Read EXIF that holds these tags, as Pillow gives them."""
    exif = Image.Exif()
    exif.update(main or {})
    exif._ifds[CAMERA] = camera or {}
    exif._ifds[GPS] = gps or {}
    return read_exif(exif)


def milliseconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000  # type: ignore[arg-type, misc]


def test_no_exif_is_all_unknown() -> None:
    assert facts() == Facts()


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
    assert facts(changed, dates).taken_from == "exif"
    assert facts(changed) == Facts()


@pytest.mark.parametrize(
    "text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "0000-00-00", "", "\0\0", None]
)
def test_a_blank_date_is_unknown_and_not_malformed(text: object) -> None:
    assert facts(camera={0x9003: text}) == Facts()


@pytest.mark.parametrize(
    "text",
    [
        "2019:13:01 00:00:00",
        "2019:02:30 00:00:00",
        "2019:01:01 25:00:00",
        "2019:00:00 00:00:00",
        "yesterday",
        7,
        b"\xff\xfe",
    ],
)
def test_a_date_that_is_none_is_malformed(text: object) -> None:
    assert facts(camera={0x9003: text}) == Facts(malformed=1)


def test_a_malformed_date_gives_way_to_the_next_and_is_counted() -> None:
    read = facts(camera={0x9003: "2019:02:30 00:00:00", 0x9004: "2019:03:02 00:00:00"})
    assert (read.taken_at, read.malformed) == (milliseconds(2019, 3, 2), 1)


@pytest.mark.parametrize(
    ("text", "malformed"),
    [("+15:00", 1), ("+02:75", 1), ("CEST", 1), (2, 1), ("", 0), ("   :  ", 0), (None, 0)],
)
def test_an_offset_that_is_none_is_unknown_and_the_time_stays(text: object, malformed: int) -> None:
    read = facts(camera={0x9003: "2019:07:04 12:30:05", 0x9011: text})
    assert read.taken_at == milliseconds(2019, 7, 4, 12, 30, 5)
    assert (read.utc_offset_min, read.malformed) == (None, malformed)


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


@pytest.mark.parametrize("value", [IFDRational(0, 0), IFDRational(0, 1), 0, (), None])
def test_what_cameras_write_for_unknown_is_not_malformed(value: object) -> None:
    read = facts(camera={0x829A: value, 0x829D: value, 0x8827: value, 0x920A: value})
    assert read == Facts()


@pytest.mark.parametrize(
    "value", [IFDRational(1, 0), IFDRational(-1, 2), float("inf"), 2**62, "x", b"\0"]
)
def test_numbers_that_cannot_be_are_unknown_and_counted(value: object) -> None:
    read = facts(camera={0x829A: value, 0x829D: value, 0x8827: value, 0x920A: value})
    assert read == Facts(malformed=4)


def test_exposure_in_the_main_directory_is_read_as_raw_files_write_it() -> None:
    assert facts({0xA434: "EF 50mm", 0x829D: IFDRational(28, 10)}).lens == "EF 50mm"


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


NOTHING = (IFDRational(0, 0),) * 3


@pytest.mark.parametrize(
    "gps",
    [
        {},
        {1: "N", 2: (0, 0, 0), 3: "E", 4: (0, 0, 0)},
        {2: (0, 0, 0), 4: (0, 0, 0)},
        {1: "N", 2: NOTHING, 3: "E", 4: NOTHING},
        {1: "", 3: ""},
    ],
)
def test_no_fix_is_an_unknown_position(gps: dict[int, object]) -> None:
    assert facts(gps=gps) == Facts()


@pytest.mark.parametrize(
    ("gps", "malformed"),
    [
        ({2: (10, 0, 0), 4: (20, 0, 0)}, 2),
        ({1: "N", 2: (10, 0, 0)}, 1),
        ({1: "N", 2: (91, 0, 0), 3: "E", 4: (20, 0, 0)}, 2),
        ({1: "N", 2: (10, 0, 0), 3: "E", 4: (181, 0, 0)}, 2),
        ({1: "N", 2: (-10, 0, 0), 3: "E", 4: (20, 0, 0)}, 2),
        ({1: "N", 2: (IFDRational(0, 0), 0, 0), 3: "E", 4: (20, 0, 0)}, 1),
        ({1: "?", 2: (10, 0, 0), 3: "E", 4: (20, 0, 0)}, 2),
        ({1: "N", 2: "x", 3: "E", 4: b""}, 2),
    ],
)
def test_half_a_position_or_a_wrong_one_is_unknown_and_each_angle_counted(
    gps: dict[int, object], malformed: int
) -> None:
    assert facts(gps=gps) == Facts(malformed=malformed)


def test_the_equator_and_the_prime_meridian_need_no_reference() -> None:
    read = facts(gps={2: (0, 0, 0), 3: "E", 4: (9, 30, 0)})
    assert (read.lat, read.lon) == (0.0, 9.5)


@pytest.mark.parametrize(
    ("main", "rating", "malformed"),
    [
        ({0x4746: 4}, 4, 0),
        ({0x4746: 0}, 0, 0),
        ({0x4746: 0, 0x4749: 50}, 0, 0),
        ({0x4746: 6}, None, 1),
        ({0x4746: 65535, 0x4749: 50}, 3, 1),
        ({0x4746: "x"}, None, 1),
        ({0x4749: 1}, 1, 0),
        ({0x4749: 25}, 2, 0),
        ({0x4749: 75}, 4, 0),
        ({0x4749: 99}, 5, 0),
        ({0x4749: 0}, 0, 0),
        ({0x4749: 101}, None, 1),
        ({}, None, 0),
    ],
)
def test_a_rating_is_one_to_five_stars_and_zero_says_that_there_is_none(
    main: dict[int, object], rating: int | None, malformed: int
) -> None:
    read = facts(main)
    assert (read.rating, read.malformed) == (rating, malformed)


def test_title_description_and_keywords_are_read() -> None:
    read = facts(
        {
            0x010E: "A walk\r\n on the beach\0rubbish",
            0x9C9B: "Été".encode("utf-16-le") + b"\0\0",
            0x9C9E: tuple("sea; dog;sea;;".encode("utf-16-le")),
        }
    )
    assert (read.title, read.description) == ("Été", "A walk on the beach")
    assert read.tags == ("sea", "dog")


def test_utf8_that_pillow_took_for_latin1_is_mended() -> None:
    mistaken = "Zürich 湖".encode().decode("latin-1")
    assert facts({0x010E: mistaken}).description == "Zürich 湖"
    assert facts({0x010E: "caf\xe9"}).description == "café"


@pytest.mark.parametrize("text", ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "   ", "Minolta DSC"])
def test_what_the_camera_writes_into_every_image_is_no_description(text: str) -> None:
    assert facts({0x010E: text}) == Facts()


def test_a_directory_that_cannot_be_parsed_is_unknown() -> None:
    class Broken(Image.Exif):
        def get_ifd(self, tag: int) -> dict[int, object]:
            raise OverflowError("a hostile offset")

    exif = Broken()
    exif[0x0110] = "X100"
    assert read_exif(exif) == Facts(camera="X100", malformed=2)


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
    assert read.rating in (None, 0, 1, 2, 3, 4, 5)
    for integer in (read.taken_at, read.utc_offset_min, read.iso_speed):
        assert integer is None or abs(integer) < 2**62
    for number in (read.focal_mm, read.aperture, read.shutter_s):
        assert number is None or 0 < number < 1e7
    for text in (read.camera, read.lens, read.title, read.description, *read.tags):
        if text is None:
            continue
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
        assert isinstance(read_exif(exif), Facts)


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


def _read(path: Path) -> Facts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            return read_exif(image.getexif())
