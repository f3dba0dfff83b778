"""What EXIF says of an image. Every malformed value is counted and unknown, and none raises.

Tags, types and units: CIPA DC-008 (Exif 3.0); the XP tags and the rating: Microsoft's, as Windows
Explorer writes them.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import SupportsFloat

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ingest.facts import Facts, distinct
from ingest.values import (
    Malformed,
    Moment,
    Sieve,
    camera_name,
    degrees,
    join_position,
    milliseconds,
    parse_line,
    parse_moment,
    parse_offset,
    ratio,
    stars,
    stars_of_percent,
    within,
)

_IFD_EXIF, _IFD_GPS = 0x8769, 0x8825

_DESCRIPTION, _MAKE, _MODEL = 0x010E, 0x010F, 0x0110
_RATING, _RATING_PERCENT = 0x4746, 0x4749
_XP_TITLE, _XP_KEYWORDS = 0x9C9B, 0x9C9E
_EXPOSURE_TIME, _F_NUMBER, _ISO, _ISO_SPEED = 0x829A, 0x829D, 0x8827, 0x8833
_SHUTTER_APEX, _APERTURE_APEX, _FOCAL = 0x9201, 0x9202, 0x920A
_LENS_MODEL = 0xA434
_LAT_REF, _LAT, _LON_REF, _LON = 1, 2, 3, 4

# Date, sub-seconds and offset of the capture, then of the digitizing. The date of the last change
# (DateTime) is none of these: an editor writes it years later.
_DATES = (
    (0x9003, 0x9291, 0x9011),
    (0x9004, 0x9292, 0x9012),
)

_READ = {
    *(_DESCRIPTION, _MAKE, _MODEL, _RATING, _RATING_PERCENT, _XP_TITLE, _XP_KEYWORDS),
    *(_EXPOSURE_TIME, _F_NUMBER, _ISO, _ISO_SPEED, _SHUTTER_APEX, _APERTURE_APEX, _FOCAL),
    *(_LENS_MODEL, *_DATES[0], *_DATES[1]),
}
_READ_GPS = {_LAT_REF, _LAT, _LON_REF, _LON}

_MAX_ISO, _MAX_FOCAL_MM, _MAX_APERTURE, _MAX_SHUTTER_S = 100_000_000, 100_000.0, 1000.0, 1e6
_ISO_IS_ELSEWHERE = 65535
"""ISO speeds that do not fit 16 bits are written as this, and in full in ISOSpeed."""

_BY_THE_CAMERA = re.compile(
    r"(OLYMPUS|KONICA|MINOLTA|SONY|SAMSUNG|SANYO|DIGITAL|CAMERA|DSC|DCIM|MAGIC|DEFAULT|"
    r"EXIF|JPEG|IMAGE|\W)+",
    re.IGNORECASE,
)
"""Descriptions that cameras write into every image ("OLYMPUS DIGITAL CAMERA") describe nothing."""


Tags = Mapping[int, object]


def read_exif(exif: Image.Exif) -> Facts:
    """Return what an image's EXIF says."""
    sieve = Sieve()
    gps = _tags(exif, _IFD_GPS, _READ_GPS, sieve)
    # Raw files, and what is made of them, keep tags of the camera's directory in the main one.
    tags = _tags(exif, None, _READ, sieve) | _tags(exif, _IFD_EXIF, _READ, sieve)
    moment = _taken(tags, sieve)
    position = _position(gps, sieve)
    return Facts(
        taken_at=moment.at if moment else None,
        utc_offset_min=moment.offset if moment else None,
        taken_from="exif" if moment else None,
        camera=camera_name(
            sieve.first(_text, tags.get(_MAKE)), sieve.first(_text, tags.get(_MODEL))
        ),
        lens=sieve.first(_text, tags.get(_LENS_MODEL)),
        iso_speed=sieve.first(_iso_speed, tags.get(_ISO), tags.get(_ISO_SPEED)),
        focal_mm=sieve.first(_focal_mm, tags.get(_FOCAL)),
        aperture=sieve.first(_aperture, tags.get(_F_NUMBER))
        or sieve.first(_aperture_of_apex, tags.get(_APERTURE_APEX)),
        shutter_s=sieve.first(_shutter_s, tags.get(_EXPOSURE_TIME))
        or sieve.first(_shutter_of_apex, tags.get(_SHUTTER_APEX)),
        lat=position[0] if position else None,
        lon=position[1] if position else None,
        rating=_rating(tags, sieve),
        title=sieve.first(_utf16, tags.get(_XP_TITLE)),
        description=sieve.first(_description, tags.get(_DESCRIPTION)),
        tags=_keywords(tags, sieve),
        malformed=sieve.malformed,
    )


def _tags(exif: Image.Exif, ifd: int | None, wanted: set[int], sieve: Sieve) -> dict[int, object]:
    """Return the wanted tags of one directory.

    Pillow parses lazily and raises nearly anything on hostile bytes, its warnings included where
    they are made errors: this is the boundary where that ends.
    """
    try:
        directory = exif if ifd is None else exif.get_ifd(ifd)
        return {tag: directory[tag] for tag in wanted.intersection(directory)}
    except Exception:  # noqa: BLE001
        sieve.malformed += 1
        return {}


def _text(value: object) -> str | None:
    """Return a tag's text on one line."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise Malformed(type(value).__name__)
    # Pillow reads ASCII tags as Latin-1; most programs write UTF-8.
    with suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    return parse_line(value.split("\0")[0])


def _utf16(value: object) -> str | None:
    """Return the text of one of Microsoft's XP tags: bytes of UTF-16LE."""
    if isinstance(value, tuple) and all(isinstance(n, int) and 0 <= n < 256 for n in value):
        value = bytes(value)
    if not isinstance(value, bytes):
        raise Malformed(type(value).__name__)
    return parse_line(value.decode("utf-16-le", "ignore").split("\0")[0])


def _description(value: object) -> str | None:
    text = _text(value)
    return None if text and _BY_THE_CAMERA.fullmatch(text) else text


def _number(value: object) -> float | None:
    """Return a tag's first value; a ratio of 0/0 is unknown."""
    if isinstance(value, tuple):
        if not value:
            return None
        value = value[0]
    if isinstance(value, IFDRational):
        return ratio(float(value.numerator), float(value.denominator))
    if isinstance(value, str | bytes) or not isinstance(value, SupportsFloat):
        raise Malformed(type(value).__name__)
    try:
        return float(value)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise Malformed(type(value).__name__) from error


def _iso_speed(value: object) -> int | None:
    iso = within(_number(value), _MAX_ISO)
    return None if iso is None or iso == _ISO_IS_ELSEWHERE else int(iso) or None


def _focal_mm(value: object) -> float | None:
    return within(_number(value), _MAX_FOCAL_MM)


def _aperture(value: object) -> float | None:
    return within(_number(value), _MAX_APERTURE)


def _shutter_s(value: object) -> float | None:
    return within(_number(value), _MAX_SHUTTER_S)


def _aperture_of_apex(value: object) -> float | None:
    return within(_apex(value, 0.5), _MAX_APERTURE)


def _shutter_of_apex(value: object) -> float | None:
    return within(_apex(value, -1.0), _MAX_SHUTTER_S)


def _apex(value: object, per_stop: float) -> float | None:
    """Return 2 to the power of an APEX value's share: f-number 0.5, seconds -1 (annex C)."""
    stops = _number(value)
    if stops is None:
        return None
    if not abs(stops) < 100:
        raise Malformed(str(stops))
    return float(2.0 ** (stops * per_stop))


def _rating(tags: Tags, sieve: Sieve) -> int | None:
    rating = sieve.first(lambda value: stars(_number(value), 0), tags.get(_RATING))
    if rating is not None:
        return rating
    return sieve.first(lambda value: stars_of_percent(_number(value)), tags.get(_RATING_PERCENT))


def _taken(tags: Tags, sieve: Sieve) -> Moment | None:
    for date_tag, subsecond_tag, offset_tag in _DATES:
        moment = sieve.first(_moment, tags.get(date_tag))
        if moment is not None:
            fraction = sieve.first(_subseconds, tags.get(subsecond_tag))
            offset = sieve.first(_offset, tags.get(offset_tag))
            return Moment(
                moment.at if fraction is None else moment.at // 1000 * 1000 + fraction,
                moment.offset if offset is None else offset,
            )
    return None


def _moment(value: object) -> Moment | None:
    text = _text(value)
    return parse_moment(text) if text else None


def _subseconds(value: object) -> int | None:
    found = re.match(r"\d*", _text(value) or "")
    return milliseconds(found[0]) if found and found[0] else None


def _offset(value: object) -> int | None:
    text = _text(value)
    return parse_offset(text) if text else None


def _position(gps: Tags, sieve: Sieve) -> tuple[float, float] | None:
    """Return degrees north and east, or neither."""
    lat = _angle(gps, _LAT, _LAT_REF, 90.0, sieve)
    lon = _angle(gps, _LON, _LON_REF, 180.0, sieve)
    return sieve.first(join_position, (lat, lon))


def _angle(gps: Tags, tag: int, reference_tag: int, limit: float, sieve: Sieve) -> float | None:
    reference = (sieve.first(_text, gps.get(reference_tag)) or "")[:1].upper()

    def parse(value: object) -> float | None:
        parts = value if isinstance(value, tuple | list) else (value,)
        numbers = [_number(part) for part in parts[:3]]
        if not numbers or numbers[0] is None:
            return None
        # Seconds, and minutes before them, may be left unwritten as 0/0.
        return degrees([number or 0.0 for number in numbers], reference, limit)

    return sieve.first(parse, gps.get(tag))


def _keywords(tags: Tags, sieve: Sieve) -> tuple[str, ...]:
    written = sieve.first(_utf16, tags.get(_XP_KEYWORDS)) or ""
    return distinct(part.strip() for part in written.split(";") if part.strip())
