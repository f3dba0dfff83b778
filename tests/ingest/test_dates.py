"""The times that file names tell, and the numbers in them that are none."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dates import moment_of_name
from ingest.values import Moment

NOW_MS = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("IMG_20190704_123005.jpg", "2019-07-04T12:30:05"),
        ("IMG_20190704_123005_1.jpg", "2019-07-04T12:30:05"),
        ("IMG_20190704_123005(2).jpg", "2019-07-04T12:30:05"),
        ("IMG_20190704_123005_HDR.jpg", "2019-07-04T12:30:05"),
        ("IMG_20190704_123005_BURST001.jpg", "2019-07-04T12:30:05"),
        ("IMG20190704123005.jpg", "2019-07-04T12:30:05"),
        ("VID_20190704_123005.jpg", "2019-07-04T12:30:05"),
        ("DSC_20190704_123005.JPG", "2019-07-04T12:30:05"),
        ("MVIMG_20190704_123005.jpg", "2019-07-04T12:30:05"),
        ("PANO_20190704_123005.vr.jpg", "2019-07-04T12:30:05"),
        ("20190704_123005.jpg", "2019-07-04T12:30:05"),
        ("20190704-123005.jpg", "2019-07-04T12:30:05"),
        ("20190704123005.jpg", "2019-07-04T12:30:05"),
        ("20190704T123005Z.jpg", "2019-07-04T12:30:05+00:00"),
        ("Oslo 20190704 123005.jpg", "2019-07-04T12:30:05"),
        ("WP_20190704_12_30_05_Pro.jpg", "2019-07-04T12:30:05"),
        ("Screenshot_20190704-123005_Maps.jpg", "2019-07-04T12:30:05"),
        ("PXL_20210101_123456789.jpg", "2021-01-01T12:34:56.789+00:00"),
        ("PXL_20210101_123456789.MP.jpg", "2021-01-01T12:34:56.789+00:00"),
        ("Screenshot_2019-07-04-12-30-05.png", "2019-07-04T12:30:05"),
        ("Screenshot_2019-07-04-12-30-05-123_com.app.png", "2019-07-04T12:30:05.123"),
        ("Screenshot 2019-07-04 at 12.30.05.png", "2019-07-04T12:30:05"),
        ("Screenshot 2019-07-04 at 1.30.05 PM.png", "2019-07-04T13:30:05"),
        ("Screenshot 2019-07-04 at 12.30.05\u202fAM.png", "2019-07-04T00:30:05"),
        ("Screenshot from 2019-07-04 12-30-05.png", "2019-07-04T12:30:05"),
        ("WhatsApp Image 2019-07-04 at 12.30.05.jpeg", "2019-07-04T12:30:05"),
        ("2019-07-04 12.30.05.jpg", "2019-07-04T12:30:05"),
        ("2019-07-04 12.30.05-1.jpg", "2019-07-04T12:30:05"),
        ("2019-07-04_12-30-05.jpg", "2019-07-04T12:30:05"),
        ("2019-07-04T12:30:05.jpg", "2019-07-04T12:30:05"),
        ("2019_07_04_12_30_05.jpg", "2019-07-04T12:30:05"),
        ("photo_2019-07-04_12-30-05.jpg", "2019-07-04T12:30:05"),
        ("signal-2021-03-04-123456.jpg", "2021-03-04T12:34:56"),
        ("signal-2021-03-04-12-34-56-789.jpg", "2021-03-04T12:34:56.789"),
        ("FB_IMG_1562243405000.jpg", "2019-07-04T12:30:05+00:00"),
        ("mmexport1562243405123.jpg", "2019-07-04T12:30:05.123+00:00"),
        ("1562243405000.jpg", "2019-07-04T12:30:05+00:00"),
        ("1562243405000-1.jpg", "2019-07-04T12:30:05+00:00"),
    ],
)
def test_a_name_with_a_time_tells_it(name: str, written: str) -> None:
    assert moment_of_name(name, NOW_MS) == moment(written)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("IMG-20190704-WA0001.jpg", "2019-07-04"),
        ("20190704.jpg", "2019-07-04"),
        ("20190704 wedding.jpg", "2019-07-04"),
        ("20190704_0001.jpg", "2019-07-04"),
        ("wedding 20190704.jpg", "2019-07-04"),
        ("2019-07-04.jpg", "2019-07-04"),
        ("2019-07-04 wedding.jpg", "2019-07-04"),
        ("2019-07-04-0012.jpg", "2019-07-04"),
        ("2019-07-04 999999.jpg", "2019-07-04"),
        ("IMG_20190704_996099.jpg", "2019-07-04"),
        ("scan_1955.07.04.tif", "1955-07-04"),
        ("2024-02-29.jpg", "2024-02-29"),
        ("2026-11-21.jpg", "2026-11-21"),
    ],
)
def test_a_name_with_a_date_tells_its_midnight(name: str, written: str) -> None:
    assert moment_of_name(name, NOW_MS) == moment(written)


@pytest.mark.parametrize(
    "name",
    [
        "IMG_0042.JPG",
        "DSC_0001.JPG",
        "DSC01234.ARW",
        "P1010001.JPG",
        "IMG_9999.HEIC",
        "100_1999.jpg",
        "wallpaper-1920x1080.jpg",
        "1920x1080.png",
        "3840-2160.png",
        "2048x1536 (2).jpg",
        "render_20201080.png",
        "IMG_20191399_123005.jpg",
        "IMG_20190230.jpg",
        "2019-13-01.jpg",
        "2019-02-30 12.30.05.jpg",
        "2023-02-29.jpg",
        "0000-00-00.jpg",
        "00000000_000000.jpg",
        "18550704.jpg",
        "1755-07-04.jpg",
        "20991231_235959.jpg",
        "2026-11-23.jpg",
        "SN20190704.jpg",
        "AB20190704C.jpg",
        "120190704.jpg",
        "201907041.jpg",
        "978-20190704.jpg",
        "scan 300dpi 2019.jpg",
        "v2019.07.04.png",
        "192.168.2019.07.041.png",
        "4006381333931.jpg",
        "1234567890.jpg",
        "9999999999999.jpg",
        "15622434050001.jpg",
        "10156012345678901_n.jpg",
        "part 1562243405000.jpg",
        "e3b0c44298fc1c149afbf4c8996fb924.jpg",
        "550e8400-e29b-41d4-a716-446655440000.png",
        ".jpg",
        "",
    ],
)
def test_a_number_that_is_no_time_tells_nothing(name: str) -> None:
    assert moment_of_name(name, NOW_MS) is None


def test_the_first_form_that_holds_a_time_counts() -> None:
    assert moment_of_name("2018-01-01 IMG_20190704_123005.jpg", NOW_MS) == moment(
        "2019-07-04T12:30:05"
    )


@given(st.text(st.sampled_from("0123456789-_. :TZxAPMIG"), max_size=40))
def test_any_name_tells_a_plausible_time_or_none(name: str) -> None:
    found = moment_of_name(name, NOW_MS)
    earliest = datetime(1826, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert found is None or earliest <= found.at <= NOW_MS + 86_400_000


@given(st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 20)))
def test_every_time_that_a_camera_writes_is_read(taken: datetime) -> None:
    expected = Moment(int(taken.replace(microsecond=0, tzinfo=UTC).timestamp()) * 1000)
    for form in ("IMG_%Y%m%d_%H%M%S.jpg", "%Y-%m-%d %H.%M.%S.jpg", "signal-%Y-%m-%d-%H%M%S.jpg"):
        assert moment_of_name(taken.strftime(form), NOW_MS) == expected


def moment(written: str) -> Moment:
    """Return the moment of a date in ISO 8601."""
    parsed = datetime.fromisoformat(written)
    clock = parsed.replace(tzinfo=UTC)
    at = int(clock.timestamp()) * 1000 + clock.microsecond // 1000
    return Moment(at, None if parsed.tzinfo is None else 0)
