"""What a written value means: dates, offsets, numbers, stars and lines of text.

Every parser returns the value, or ``None`` where the writer says that it is unknown (blank, all
zeros, 0/0), and raises `Malformed` where something is there that cannot be used.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

MAX_TEXT_CHARS = 16_384
"""A longer text is cut here already: twice what a row holds, so that the cut is still counted."""

MAX_VALUES = 1000
"""More values of one property are left out here already; a row holds 64 keywords."""

_MAX_UTC_OFFSET_MIN = 14 * 60

_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
"""Marks of direction, soft hyphens, byte order marks: invisible, and in the way of a search. The
joiners U+200C and U+200D stay: Persian words and emoji are spelled with them."""

_DATE = r"(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)"
_TIME = r"(\d\d?):(\d\d?)(?::(\d\d?)(?:[.,](\d+))?)?"
_MOMENT = re.compile(rf"{_DATE}[ T]+{_TIME}\s*(Z|[+-]\d\d?:?\d\d)?(?!\d)")
_PARTIAL = re.compile(r"(\d{4})(?:[:/.-](\d\d?)(?:[:/.-](\d\d?))?)?")


class Malformed(ValueError):
    """A value is there, and cannot be used."""


Value = TypeVar("Value")
Found = TypeVar("Found")


@dataclass(slots=True)
class Sieve:
    """Takes the first usable one of several values, and counts the malformed ones before it."""

    malformed: int = 0

    def first(self, parse: Callable[[Value], Found | None], *values: Value | None) -> Found | None:
        """Return the first value that is there and parses; ``None`` if there is none."""
        for value in values:
            if value is None:
                continue
            try:
                found = parse(value)
            except Malformed:
                self.malformed += 1
                continue
            if found is not None:
                return found
        return None


@dataclass(frozen=True, slots=True)
class Moment:
    """A wall clock: ``at`` as `ImageRecord.taken_at`, ``offset`` as ``utc_offset_min``."""

    at: int
    offset: int | None = None


def parse_line(text: str) -> str | None:
    """Return a text on one line, in Unicode's composed form (NFC)."""
    shown = _BLANKS.sub(" ", _UNSEEN.sub("", text[:MAX_TEXT_CHARS])).strip()
    return unicodedata.normalize("NFC", shown.encode("utf-8", "replace").decode()) or None


def camera_name(make: str | None, model: str | None) -> str | None:
    """Join maker and model without saying the maker twice ("NIKON CORPORATION", "NIKON D70")."""
    make = re.sub(
        r"[\s,]+(CORPORATION|CORP\.?|CO\.?,? ?LTD\.?|COMPANY|INC\.?|GMBH|OPTICAL|IMAGING|TECHWIN|"
        r"ELECTRIC|PHOTO FILM|ELECTRONICS)(?=$|[\s,])",
        "",
        make or "",
        flags=re.IGNORECASE,
    ).strip(" ,.")
    if not model:
        return make or None
    first = make.split(" ")[0].casefold()
    return model if not make or model.casefold().startswith(first) else f"{make} {model}"


def parse_moment(text: str) -> Moment | None:
    """Return a date as EXIF and XMP write it: "2019:07:04 12:30:00", "2019-07-04T12:30Z".

    A date without its time, month or day, as XMP allows, is the first moment that it can mean.
    """
    if not re.search("[1-9]", text):
        if re.fullmatch(r"[\s:/.0-]*", text):
            return None
        raise Malformed(text)
    text = text.strip()
    if found := _MOMENT.match(text):
        *parts, fraction, offset = found.groups()
        moment = moment_of(*(int(part or 0) for part in parts))
        return replace(
            moment,
            at=moment.at + milliseconds(fraction or ""),
            offset=parse_offset(offset) if offset else None,
        )
    if found := _PARTIAL.fullmatch(text):
        return moment_of(*(int(part or 1) for part in found.groups()))
    raise Malformed(text)


def moment_of(
    year: int, month: int = 1, day: int = 1, hour: int = 0, minute: int = 0, second: int = 0
) -> Moment:
    """Return the moment of a wall clock.

    Raises:
        Malformed: The calendar or the clock has no such moment.
    """
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Malformed(str(error)) from error
    return Moment(int(moment.timestamp()) * 1000)


def milliseconds(digits: str) -> int:
    """Return the decimal fraction of a second that these digits write."""
    return int(digits[:3].ljust(3, "0")) if digits else 0


def parse_offset(text: str) -> int | None:
    """Return "+02:00", "+0200" or "Z" in minutes east of UTC."""
    text = text.strip()
    if not re.search(r"\w", text):
        return None
    if text == "Z":
        return 0
    found = re.fullmatch(r"([+-])(\d\d?):?(\d\d)", text)
    minutes = int(found[2]) * 60 + int(found[3]) if found else 0
    if not found or int(found[3]) >= 60 or minutes > _MAX_UTC_OFFSET_MIN:
        raise Malformed(text)
    return minutes if found[1] == "+" else -minutes


def parse_number(text: str) -> float | None:
    """Return "2.8" or "28/10"; 0/0 is unknown."""
    found = re.fullmatch(r"\s*([+-]?\d{1,20}(?:\.\d{0,20})?)(?:/(\d{1,20}))?\s*", text)
    if found:
        return ratio(float(found[1]), float(found[2] or 1))
    if text.strip():
        raise Malformed(text)
    return None


def ratio(numerator: float, denominator: float) -> float | None:
    """Return the quotient; 0/0 is unknown."""
    if denominator == 0:
        if numerator == 0:
            return None
        raise Malformed(f"{numerator}/0")
    return numerator / denominator


def within(number: float | None, limit: float) -> float | None:
    """Return a measure that is above zero; cameras write zero for what they do not know."""
    if number is None or number == 0:
        return None
    if not math.isfinite(number) or not 0 < number <= limit:
        raise Malformed(str(number))
    return number


def stars(number: float | None, least: int) -> int | None:
    """Return a rating: 1 to 5, 0 for none, and where ``least`` is -1 that for rejected."""
    if number is None:
        return None
    if not least <= number <= 5:
        raise Malformed(str(number))
    return int(number)


def stars_of_percent(percent: float | None) -> int | None:
    """Return the stars of Windows, which writes 1, 25, 50, 75 and 99 for one to five."""
    if percent is None:
        return None
    if not 0 <= percent <= 100:
        raise Malformed(str(percent))
    return 1 + round(percent / 25) if percent else 0


def degrees(parts: list[float], reference: str, limit: float) -> float:
    """Return degrees, minutes and seconds as degrees north or east.

    Args:
        parts: One to three numbers, the smaller units left out.
        reference: "N", "S", "E" or "W"; without it an angle may lie on the other side of the
            world, and cannot be used, unless it is zero.
    """
    angle = sum(part / 60.0**place for place, part in enumerate(parts))
    sign = {"N": 1, "E": 1, "S": -1, "W": -1}.get(reference, 0)
    if angle and (not sign or min(parts) < 0 or not angle <= limit):
        raise Malformed(f"{angle} {reference}")
    return sign * angle


def join_position(pair: tuple[float | None, float | None]) -> tuple[float, float] | None:
    """Return a position of both its halves; 0, 0 is what devices write that have no fix."""
    lat, lon = pair
    if (lat is None and lon is None) or lat == lon == 0:
        return None
    if lat is None or lon is None:
        raise Malformed("half a position")
    return lat, lon
