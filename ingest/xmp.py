"""What XMP says of an image, in the file or beside it. Malformed values are counted and unknown.

Names and forms: Adobe's XMP specification, parts 1 (ISO 16684-1) and 2, CIPA DC-010 (Exif in XMP),
Lightroom's hierarchical keywords, and Windows' rating in percent.
"""

import re
from collections.abc import Iterable, Mapping

from ingest.facts import Facts, distinct
from ingest.rdf import read_properties
from ingest.values import (
    Malformed,
    Sieve,
    camera_name,
    degrees,
    join_position,
    parse_line,
    parse_moment,
    parse_number,
    stars,
    stars_of_percent,
    within,
)

_NAMESPACES = {
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "microsoft": "http://ns.microsoft.com/photo/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}


def _names(*spelled: str) -> tuple[str, ...]:
    """Return qualified names, as "{namespace}local", of names written with their prefix."""
    pairs = (name.split(":") for name in spelled)
    return tuple(f"{{{_NAMESPACES[prefix]}}}{local}" for prefix, local in pairs)


# The first that is usable counts. xmp:CreateDate is EXIF's date of the digitizing; the dates of
# changes are not among them.
_TAKEN = _names("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
_MAKE, _MODEL = _names("tiff:Make"), _names("tiff:Model")
_LENS = _names("exifEX:LensModel", "aux:Lens")
_ISO = _names("exifEX:PhotographicSensitivity", "exif:ISOSpeedRatings")
_FOCAL, _APERTURE = _names("exif:FocalLength"), _names("exif:FNumber")
_SHUTTER = _names("exif:ExposureTime")
_LAT, _LON = _names("exif:GPSLatitude"), _names("exif:GPSLongitude")
_PLACE, _COUNTRY = _names("photoshop:City"), _names("photoshop:Country")
_RATING, _PERCENT = _names("xmp:Rating"), _names("microsoft:Rating")
_TITLE, _DESCRIPTION = _names("dc:title"), _names("dc:description")
_SUBJECT, _HIERARCHY = _names("dc:subject"), _names("lr:hierarchicalSubject")

_WANTED = frozenset(
    [
        *(*_TAKEN, *_MAKE, *_MODEL, *_LENS, *_ISO, *_FOCAL, *_APERTURE, *_SHUTTER, *_LAT, *_LON),
        *(*_PLACE, *_COUNTRY, *_RATING, *_PERCENT),
        *(*_TITLE, *_DESCRIPTION, *_SUBJECT, *_HIERARCHY),
    ]
)

_REJECTED = -1

Values = Mapping[str, tuple[str, ...]]


def read_xmp(packet: bytes) -> Facts:
    """Return what a packet says; an empty one says nothing."""
    properties = read_properties(packet, _WANTED)
    values, sieve = properties.values, Sieve(int(properties.is_malformed))
    moment = sieve.first(parse_moment, *_all(values, _TAKEN))
    position = _position(values, sieve)
    iso_speed = sieve.first(lambda text: within(parse_number(text), 1e8), *_all(values, _ISO))
    return Facts(
        taken_at=moment.at if moment else None,
        utc_offset_min=moment.offset if moment else None,
        taken_from="xmp" if moment else None,
        camera=camera_name(
            sieve.first(parse_line, *_all(values, _MAKE)),
            sieve.first(parse_line, *_all(values, _MODEL)),
        ),
        lens=sieve.first(parse_line, *_all(values, _LENS)),
        iso_speed=int(iso_speed) if iso_speed else None,
        focal_mm=_measure(values, _FOCAL, 1e5, sieve),
        aperture=_measure(values, _APERTURE, 1e3, sieve),
        shutter_s=_measure(values, _SHUTTER, 1e6, sieve),
        lat=position[0] if position else None,
        lon=position[1] if position else None,
        place=sieve.first(parse_line, *_all(values, _PLACE)),
        country=sieve.first(parse_line, *_all(values, _COUNTRY)),
        rating=_rating(values, sieve),
        title=sieve.first(parse_line, *_all(values, _TITLE)),
        description=sieve.first(parse_line, *_all(values, _DESCRIPTION)),
        tags=_tags(values),
        malformed=sieve.malformed,
    )


def _all(values: Values, names: Iterable[str]) -> list[str]:
    return [text for name in names for text in values.get(name, ())]


def _measure(values: Values, names: Iterable[str], limit: float, sieve: Sieve) -> float | None:
    return sieve.first(lambda text: within(parse_number(text), limit), *_all(values, names))


def _rating(values: Values, sieve: Sieve) -> int | None:
    rating = sieve.first(lambda text: stars(parse_number(text), _REJECTED), *_all(values, _RATING))
    if rating is not None:
        return rating
    return sieve.first(lambda text: stars_of_percent(parse_number(text)), *_all(values, _PERCENT))


def _tags(values: Values) -> tuple[str, ...]:
    """Return the keywords, then the parts of the hierarchical ones ("Places|Norway|Oslo")."""
    parts = [part for text in _all(values, _HIERARCHY) for part in text.split("|")]
    lines = (parse_line(text) for text in [*_all(values, _SUBJECT), *parts])
    return distinct(line for line in lines if line)


def _position(values: Values, sieve: Sieve) -> tuple[float, float] | None:
    """Return degrees north and east, or neither."""
    lat = sieve.first(lambda text: _angle(text, "NS", 90.0), *_all(values, _LAT))
    lon = sieve.first(lambda text: _angle(text, "EW", 180.0), *_all(values, _LON))
    return sieve.first(join_position, (lat, lon))


def _angle(text: str, references: str, limit: float) -> float:
    """Return "48,51.5N", "48,51,30N", or the "-33.86" that some programs write, in degrees.

    Args:
        references: The letters of the positive and of the negative direction.
    """
    number = r"\d{1,3}(?:\.\d{1,20})?"
    if found := re.fullmatch(rf"([+-]?)({number})", text.strip()):
        return degrees([float(found[2])], references[found[1] == "-"], limit)
    found = re.fullmatch(rf"({number}(?:,{number}){{0,2}})\s*([{references}])", text.strip())
    if not found:
        raise Malformed(text)
    return degrees([float(part) for part in found[1].split(",")], found[2], limit)
