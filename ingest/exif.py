"""What EXIF says of an image. Every malformed value is unknown, and none raises.

Tags, types and units: CIPA DC-008 (Exif 3.0); the XP tags and the rating: Microsoft's, as Windows
Explorer writes them.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import SupportsFloat

from PIL import Image

_IFD_EXIF, _IFD_GPS = 0x8769, 0x8825

_DESCRIPTION, _MAKE, _MODEL = 0x010E, 0x010F, 0x0110
_RATING, _RATING_PERCENT = 0x4746, 0x4749
_XP_TITLE, _XP_KEYWORDS = 0x9C9B, 0x9C9E
_EXPOSURE_TIME, _F_NUMBER, _ISO, _ISO_SPEED = 0x829A, 0x829D, 0x8827, 0x8833
_SHUTTER_APEX, _APERTURE_APEX, _FOCAL = 0x9201, 0x9202, 0x920A
_LENS_MODEL = 0xA434

# Date, sub-seconds and offset of the capture, then of the digitizing. The date of the last change
# (DateTime) is none of these: an editor writes it years later.
_DATES = (
    (0x9003, 0x9291, 0x9011),
    (0x9004, 0x9292, 0x9012),
)

_MAX_UTC_OFFSET_MIN = 14 * 60
_MAX_STARS = 5
_ISO_IS_ELSEWHERE = 65535
"""ISO speeds that do not fit 16 bits are written as this, and in full in ISOSpeed."""

_BY_THE_CAMERA = re.compile(
    r"(OLYMPUS|KONICA|MINOLTA|SONY|SAMSUNG|SANYO|DIGITAL|CAMERA|DSC|DCIM|MAGIC|DEFAULT|"
    r"EXIF|JPEG|IMAGE|\W)+",
    re.IGNORECASE,
)
"""Descriptions that cameras write into every image ("OLYMPUS DIGITAL CAMERA") describe nothing."""


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """Facts of one image; ``None`` or empty where unknown. Units as in `ImageRecord`.

    Attributes:
        titles: Title and description, in this order, without doubles.
    """

    taken_at: int | None = None
    utc_offset_min: int | None = None
    camera: str | None = None
    lens: str | None = None
    iso_speed: int | None = None
    focal_mm: float | None = None
    aperture: float | None = None
    shutter_s: float | None = None
    lat: float | None = None
    lon: float | None = None
    rating: int | None = None
    titles: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


Tags = Mapping[int, object]


def read_exif(exif: Image.Exif) -> ExifFacts:
    """Return what an image's EXIF says."""
    main, camera, gps = _tags(exif, None), _tags(exif, _IFD_EXIF), _tags(exif, _IFD_GPS)
    taken_at, utc_offset_min = _taken({**main, **camera})
    lat, lon = _position(gps)
    return ExifFacts(
        taken_at=taken_at,
        utc_offset_min=utc_offset_min,
        camera=_camera_name(_text(main.get(_MAKE)), _text(main.get(_MODEL))),
        lens=_text(camera.get(_LENS_MODEL)) or None,
        iso_speed=_iso_speed(camera),
        focal_mm=_positive(_number(camera.get(_FOCAL)), 100_000.0),
        aperture=_positive(
            _number(camera.get(_F_NUMBER)) or _apex(camera.get(_APERTURE_APEX), 0.5), 1000.0
        ),
        shutter_s=_positive(
            _number(camera.get(_EXPOSURE_TIME)) or _apex(camera.get(_SHUTTER_APEX), -1.0), 1e6
        ),
        lat=lat,
        lon=lon,
        rating=_rating(main),
        titles=_titles(main),
        tags=_keywords(main),
    )


def _tags(exif: Image.Exif, ifd: int | None) -> Tags:
    """Return the tags of one directory, none if it cannot be parsed.

    Pillow parses lazily and raises nearly anything on hostile bytes, its warnings included where
    they are made errors: this is the boundary where that ends.
    """
    try:
        return dict(exif) if ifd is None else dict(exif.get_ifd(ifd))
    except Exception:  # noqa: BLE001
        return {}


def _text(value: object) -> str:
    """Return a tag's text on one line, "" if it is none."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    # Pillow reads ASCII tags as Latin-1; most programs write UTF-8.
    try:
        value = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        value = value.encode("utf-8", "replace").decode("utf-8")
    value = value.split("\0")[0]
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in value)
    return unicodedata.normalize("NFC", " ".join(shown.split()))


def _utf16(value: object) -> str:
    """Return the text of one of Microsoft's XP tags: bytes of UTF-16LE."""
    if isinstance(value, tuple):
        if not all(isinstance(code, int) and 0 <= code < 256 for code in value):
            return ""
        value = bytes(value)
    if not isinstance(value, bytes):
        return ""
    decoded = value.decode("utf-16-le", "ignore")
    return _text(decoded.encode("utf-8", "ignore"))


def _number(value: object) -> float | None:
    """Return a tag's first value as a finite number."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    if isinstance(value, str | bytes) or not isinstance(value, SupportsFloat):
        return None
    try:
        number = float(value)
    except (ArithmeticError, ValueError, TypeError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: float | None, limit: float) -> float | None:
    return value if value is not None and 0 < value <= limit else None


def _apex(value: object, per_stop: float) -> float | None:
    """Return 2 to the power of an APEX value's share: f-number 0.5, seconds -1 (annex C)."""
    stops = _number(value)
    return 2.0 ** (stops * per_stop) if stops is not None and abs(stops) < 100 else None


def _iso_speed(camera: Tags) -> int | None:
    for tag in (_ISO, _ISO_SPEED):
        iso = _number(camera.get(tag))
        if iso is not None and 1 <= iso <= 100_000_000 and iso != _ISO_IS_ELSEWHERE:
            return int(iso)
    return None


def _rating(main: Tags) -> int | None:
    stars = _number(main.get(_RATING))
    if stars is None:
        percent = _number(main.get(_RATING_PERCENT))
        # Windows writes 1, 25, 50, 75 and 99 for one star to five.
        stars = None if percent is None or not 0 < percent < 100 else 1 + round(percent / 25)
    return int(stars) if stars is not None and 1 <= stars <= _MAX_STARS else None


def _camera_name(make: str, model: str) -> str | None:
    """Join maker and model without saying the maker twice ("NIKON CORPORATION", "NIKON D70")."""
    make = re.sub(
        r"[\s,]+(CORPORATION|CORP\.?|CO\.?,? ?LTD\.?|COMPANY|INC\.?|GMBH|OPTICAL|IMAGING|TECHWIN|"
        r"ELECTRIC|PHOTO FILM|ELECTRONICS)(?=$|[\s,])",
        "",
        make,
        flags=re.IGNORECASE,
    ).strip(" ,.")
    if not model:
        return make or None
    first = make.split(" ")[0].casefold()
    return model if not make or model.casefold().startswith(first) else f"{make} {model}"


def _taken(tags: Tags) -> tuple[int | None, int | None]:
    for date_tag, subsecond_tag, offset_tag in _DATES:
        moment = _parse_date(_text(tags.get(date_tag)))
        if moment is not None:
            digits = re.match(r"\d+", _text(tags.get(subsecond_tag)))
            milliseconds = int(digits[0].ljust(3, "0")[:3]) if digits else 0
            return moment + milliseconds, _parse_offset(_text(tags.get(offset_tag)))
    return None, None


def _parse_date(text: str) -> int | None:
    """Return "2019:07:04 12:30:00" in milliseconds since the epoch, as if it were UTC."""
    found = re.match(r"(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)[ T](\d\d?):(\d\d?)(?::(\d\d?))?", text)
    if not found:
        return None
    try:
        moment = datetime(*(int(part or 0) for part in found.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000


def _parse_offset(text: str) -> int | None:
    """Return "+02:00" in minutes."""
    if text == "Z":
        return 0
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text)
    if not found:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    if int(found[3]) >= 60 or minutes > _MAX_UTC_OFFSET_MIN:
        return None
    return minutes if found[1] == "+" else -minutes


def _position(gps: Tags) -> tuple[float | None, float | None]:
    """Return degrees north and east, or neither.

    Without its reference an angle may lie on the other side of the world, and is unknown. So is
    0, 0: it is what devices write that have no fix.
    """
    lat = _angle(gps.get(2), _text(gps.get(1)), {"N": 1, "S": -1}, 90.0)
    lon = _angle(gps.get(4), _text(gps.get(3)), {"E": 1, "W": -1}, 180.0)
    if lat is None or lon is None or lat == lon == 0:
        return None, None
    return lat, lon


def _angle(value: object, reference: str, signs: Mapping[str, int], limit: float) -> float | None:
    sign = signs.get(reference[:1].upper())
    parts = value if isinstance(value, tuple | list) else (value,)
    numbers = [_number(part) for part in parts[:3]]
    if sign is None or not numbers or numbers[0] is None:
        return None
    # Seconds, and minutes before them, may be left unwritten as 0/0.
    degrees = sum((number or 0.0) / 60.0**place for place, number in enumerate(numbers))
    if any(number is not None and number < 0 for number in numbers) or degrees > limit:
        return None
    return sign * degrees


def _titles(main: Tags) -> tuple[str, ...]:
    title = _utf16(main.get(_XP_TITLE))
    description = _text(main.get(_DESCRIPTION))
    return _distinct([title, "" if _BY_THE_CAMERA.fullmatch(description) else description])


def _keywords(main: Tags) -> tuple[str, ...]:
    return _distinct(_utf16(main.get(_XP_KEYWORDS)).split(";"))


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
