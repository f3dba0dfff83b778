"""What each filter of the query language means: a name and its values become a condition."""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches

from schema.filters import (
    AnyOf,
    Between,
    Coded,
    Contains,
    Filter,
    InFolder,
    Near,
    Not,
    NumberField,
    Tagged,
    TextField,
)
from search.grammar import FilterPart, QuerySyntaxError

DAY_MS = 86_400_000
MAX_RADIUS_KM = 20_040.0
"""Half the circumference of the earth: a circle of that radius is all of it."""

VIEWS = ("photo", "frame", "crop")
FORMAT_NAMES = {"jpg": "jpeg", "jpe": "jpeg", "tif": "tiff", "jp2": "jpeg2000"}
"""Endings of file names that differ from the name of the format."""

_KM = {"": 1.0, "km": 1.0, "m": 0.001, "mi": 1.609344}
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
_WHOLE = re.compile(r"-?[0-9]{1,12}")
_COMPARED = re.compile(r"(>=|<=|>|<|=|)\s*(.+)", re.DOTALL)
_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?)"
_NEAR = re.compile(rf"{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*([0-9]+(?:\.[0-9]+)?)\s*(km|mi|m|)")


def condition(part: FilterPart, query: str) -> Filter:
    """Return what a filter of a query asks of a row.

    Raises:
        QuerySyntaxError: There is no filter of this name, or a value cannot be one of it.
    """
    read = READERS.get(part.name)
    if read is None:
        near = get_close_matches(part.name, READERS, n=1)
        meant = f", did you mean {near[0]!r}?" if near else "."
        raise QuerySyntaxError(
            f"there is no filter {part.name!r}{meant} Filters are {', '.join(READERS)}; to look "
            "for words with a colon, put them in quotes",
            query,
            part.position,
        )
    try:
        choices = tuple(read(value) for value in part.values)
    except ValueError as error:
        at = part.position + len(part.name) + 1
        raise QuerySyntaxError(f"{part.name}: {error}", query, at) from error
    found = choices[0] if len(choices) == 1 else AnyOf(choices)
    return Not(found) if part.negated else found


def _contains(field: TextField) -> Callable[[str], Filter]:
    return lambda value: Contains(field, value)


def _number(field: NumberField) -> Callable[[str], Filter]:
    def whole(text: str) -> int:
        if not _WHOLE.fullmatch(text):
            raise ValueError(
                f"{text!r} is not a whole number of at most twelve digits; write 4, >=4, <4 or 3..5"
            )
        return int(text)

    def read(value: str) -> Filter:
        return Between(field, *_limits(value, lambda text: (whole(text), whole(text))))

    return read


def _date(value: str) -> Filter:
    return Between("taken_at", *_limits(value, _period))


def _limits(value: str, read: Callable[[str], tuple[int, int]]) -> tuple[int | None, int | None]:
    """Return the first and the last number of ``a``, ``a..b``, ``a..``, ``..b``, ``>=a``, ``<a``.

    Args:
        read: Returns the first and the last number that one side stands for.
    """
    if ".." in value:
        first, _, last = value.partition("..")
        if not first and not last:
            raise ValueError("'..' has no end; write a..b, a.. or ..b")
        low = read(first)[0] if first else None
        high = read(last)[1] if last else None
        if low is not None and high is not None and low > high:
            raise ValueError(f"{value!r} ends before it begins; write the smaller end first")
        return low, high
    compared = _COMPARED.fullmatch(value)
    sign, operand = compared.groups() if compared else ("", value)
    low, high = read(operand)
    match sign:
        case ">=":
            return low, None
        case ">":
            return high + 1, None
        case "<=":
            return None, high
        case "<":
            return None, low - 1
        case _:
            return low, high


def _period(text: str) -> tuple[int, int]:
    """Return a year's, a month's or a day's first and last millisecond of the wall clock."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a date; write 2019, 2019-06 or 2019-06-15, or a range of two: "
            "2019..2021-06, 2019.., ..2020"
        )
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        start = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a day of the calendar ({error})") from error
    if day is not None:
        days = 1
    elif month is not None:
        days = monthrange(start.year, month)[1]
    else:
        days = 366 if monthrange(start.year, 2)[1] == 29 else 365
    first = round(start.timestamp()) * 1000
    return first, first + days * DAY_MS - 1


def _folder(value: str) -> Filter:
    parts = [part for part in value.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{value!r} leads out of the root; write the folder's path below it")
    return InFolder("/".join(parts))


def _near(value: str) -> Filter:
    found = _NEAR.fullmatch(value.strip())
    if found is None:
        raise ValueError(
            f"{value!r} is not a place; write degrees north, degrees east and a distance, as in "
            "48.85,2.35,10km (or m, mi)"
        )
    lat, lon, radius_km = float(found[1]), float(found[2]), float(found[3]) * _KM[found[4]]
    if abs(lat) > 90 or abs(lon) > 180:
        raise ValueError(
            f"{value!r}: degrees north are from -90 to 90, degrees east from -180 to 180"
        )
    if not 0 < radius_km <= MAX_RADIUS_KM:
        raise ValueError(f"{value!r}: the distance is above 0 and at most {MAX_RADIUS_KM:,.0f} km")
    return Near(lat, lon, radius_km)


def _view(value: str) -> Filter:
    if value.lower() not in VIEWS:
        raise ValueError(f"{value!r} is not a type of row: {', '.join(VIEWS)}")
    return Coded("view", value.lower())


def _format(value: str) -> Filter:
    name = value.lower().removeprefix(".")
    return Coded("format", FORMAT_NAMES.get(name, name))


READERS: Mapping[str, Callable[[str], Filter]] = {
    "date": _date,
    "camera": _contains("camera"),
    "lens": _contains("lens"),
    "in": _folder,
    "tag": Tagged,
    "rating": _number("rating"),
    "near": _near,
    "type": _view,
    "format": _format,
    "width": _number("width"),
    "height": _number("height"),
    "iso": _number("iso_speed"),
    "place": _contains("place"),
    "country": _contains("country"),
    "name": _contains("name"),
}
