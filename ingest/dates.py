"""The capture time that a file's name tells, where a program or a person wrote it there.

A number is a date only where its form says so. Cameras, phones, screenshots, messengers and people
write few forms; serial numbers, sizes in pixels and versions have none of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ingest.values import Malformed, Moment, milliseconds, moment_of

_FIRST_DIGITAL_YEAR = 1990
"""Eight digits in a row from before are no date that a device wrote."""

_FIRST_YEAR = 1826
"""Niépce's view from his window: people name scans of old prints by dates with separators."""

_DAY_MS = 86_400_000

_START = r"(?:(?<![^\W_])|(?<=IMG)|(?<=VID)|(?<=PANO)|(?<=Screenshot))"
_END = r"(?![^\W_])"
_DAY = r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
_SPLIT_DAY = r"(?P<year>\d{4})(?P<split>[-._])(?P<month>\d\d)(?P=split)(?P<day>\d\d)"
_CLOCK = (
    r"(?P<hour>\d\d)[-._:]?(?P<minute>\d\d)[-._:]?(?P<second>\d\d)"
    r"(?:[-._]?(?P<fraction>\d{3}))?(?P<zulu>Z)?"
)
_SPLIT_CLOCK = (
    r"(?P<hour>\d\d?)[-._:](?P<minute>\d\d)[-._:](?P<second>\d\d)(?:[-._](?P<fraction>\d{3}))?"
    r"(?:\s?(?P<half>[AP]M))?(?P<zulu>Z)?"
)
_BETWEEN = r"(?:[-_ T.,]|\sat\s|_at_)"


@dataclass(frozen=True, slots=True)
class _Form:
    """One way of writing a time into a name; the pattern's groups are the parts of the time."""

    pattern: re.Pattern[str]
    first_year: int


_FORMS = (
    # IMG_20190704_123000, PXL_20210101_123456789, IMG20190704123000
    _Form(re.compile(rf"{_START}{_DAY}[-_ T.]?{_CLOCK}{_END}"), _FIRST_DIGITAL_YEAR),
    # Screenshot 2019-07-04 at 1.30.00 PM, 2019-07-04 12.30.00, signal-2021-03-04-12-34-56-789
    _Form(re.compile(rf"{_START}{_SPLIT_DAY}{_BETWEEN}{_SPLIT_CLOCK}{_END}"), _FIRST_YEAR),
    # signal-2021-03-04-123456, 2019-07-04T123000
    _Form(re.compile(rf"{_START}{_SPLIT_DAY}{_BETWEEN}{_CLOCK}{_END}"), _FIRST_YEAR),
    # 2019-07-04 wedding, scan_1955.07.04
    _Form(re.compile(rf"{_START}{_SPLIT_DAY}{_END}"), _FIRST_YEAR),
    # IMG-20190704-WA0001, 20190704 wedding; after another number it may be a part of that
    _Form(re.compile(rf"{_START}(?<!\d[-_. ]){_DAY}{_END}"), _FIRST_DIGITAL_YEAR),
)

_UNIX_MS = re.compile(
    r"(?:(?:FB_IMG|IMG|VID|PANO|Screenshot|wx_camera|image|photo|mmexport|signal)[-_ ]?)?"
    r"(?P<ms>1\d{12})(?:[-_ (].*)?",
    re.IGNORECASE,
)
"""FB_IMG_1562243400000, mmexport1562243400000: milliseconds since the epoch, from 2001 on."""

_IS_UTC = "PXL_"
"""Google's camera names its files by UTC, all others by the wall clock."""


def moment_of_name(name: str, now_ms: int) -> Moment | None:
    """Return the time in a file's name, a date without a time as its midnight.

    Args:
        now_ms: Milliseconds since the epoch; times more than a day after it are none.
    """
    stem = PurePosixPath(name).stem
    for moment in (*_written(stem), *_unix(stem)):
        if moment.at <= now_ms + _DAY_MS:
            return moment
    return None


def _written(stem: str) -> Iterator[Moment]:
    for form in _FORMS:
        for found in form.pattern.finditer(stem):
            parts = found.groupdict()
            try:
                moment = _moment(parts)
            except Malformed:
                continue
            if int(parts["year"]) >= form.first_year:
                is_utc = bool(parts.get("zulu")) or stem.startswith(_IS_UTC)
                yield Moment(moment.at, 0 if is_utc else None)


def _moment(parts: dict[str, str | None]) -> Moment:
    year, month, day, hour, minute, second = (
        int(parts.get(name) or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            raise Malformed(f"{hour} {half}")
        hour = hour % 12 + 12 * (half == "PM")
    moment = moment_of(year, month, day, hour, minute, second)
    return Moment(moment.at + milliseconds(parts.get("fraction") or ""))


def _unix(stem: str) -> Iterator[Moment]:
    if found := _UNIX_MS.fullmatch(stem):
        yield Moment(int(found["ms"]), 0)
