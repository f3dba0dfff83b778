"""What IPTC says of an image. Malformed values are counted and unknown, and none raises.

Datasets and their forms: IPTC-NAA Information Interchange Model 4.2. What the standard leaves to
ISO 2022 is read as people write it: UTF-8 where that is declared or the bytes are that, else
Windows-1252.
"""

import re
from collections.abc import Mapping

from ingest.facts import Facts, distinct
from ingest.values import MAX_VALUES, Malformed, Moment, Sieve, moment_of, parse_line, parse_offset

_MARKER = 0x1C
_EXTENDED = 0x8000
"""A length with this bit says how many bytes hold the real one."""

_CHARSET, _UTF8 = (1, 90), b"\x1b%G"
_TITLE, _KEYWORD, _CAPTION = (2, 5), (2, 25), (2, 120)
_CITY, _COUNTRY = (2, 90), (2, 101)

# Date and time of the capture, then of the digitizing.
_DATES = (((2, 55), (2, 60)), ((2, 62), (2, 63)))

Datasets = Mapping[tuple[int, int], list[bytes]]


def read_iptc(data: bytes) -> Facts:
    """Return what the datasets of an IIM block say; an empty block says nothing."""
    sieve = Sieve()
    datasets = _datasets(data, sieve)
    is_utf8 = _UTF8 in datasets.get(_CHARSET, ())

    def text(value: bytes) -> str | None:
        return parse_line(_decode(value, is_utf8=is_utf8))

    def one(dataset: tuple[int, int]) -> str | None:
        return sieve.first(text, *datasets.get(dataset, ()))

    moment = _taken(datasets, sieve)
    tags = (text(value) for value in datasets.get(_KEYWORD, ()))
    return Facts(
        taken_at=moment.at if moment else None,
        utc_offset_min=moment.offset if moment else None,
        taken_from="iptc" if moment else None,
        place=one(_CITY),
        country=one(_COUNTRY),
        title=one(_TITLE),
        description=one(_CAPTION),
        tags=distinct(tag for tag in tags if tag),
        malformed=sieve.malformed,
    )


def _datasets(data: bytes, sieve: Sieve) -> Datasets:
    """Return the values of each record and dataset number, as far as the block can be read."""
    found: dict[tuple[int, int], list[bytes]] = {}
    at = 0
    while data[at : at + 1] == bytes([_MARKER]):
        header = data[at : at + 5]
        length = int.from_bytes(header[3:5], "big")
        at += 5
        if length & _EXTENDED:
            size = length - _EXTENDED
            length = int.from_bytes(data[at : at + size], "big") if size <= 4 else len(data)
            at += size
        if len(header) < 5 or at + length > len(data):
            sieve.malformed += 1
            break
        values = found.setdefault((header[1], header[2]), [])
        if len(values) < MAX_VALUES:
            values.append(data[at : at + length])
        at += length
    else:
        # Photoshop pads blocks with zeros.
        sieve.malformed += bool(data[at:].strip(b"\0"))
    return found


def _decode(value: bytes, *, is_utf8: bool) -> str:
    value = value.split(b"\0")[0]
    if is_utf8:
        return value.decode("utf-8", "replace")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def _taken(datasets: Datasets, sieve: Sieve) -> Moment | None:
    for date, time in _DATES:
        day = sieve.first(_date, *datasets.get(date, ()))
        if day is not None:
            clock = sieve.first(_time, *datasets.get(time, ())) or Moment(0)
            return Moment(day + clock.at, clock.offset)
    return None


def _date(value: bytes) -> int | None:
    """Return "20190704"; a month or a day of zeros is unknown, and the first that it can be."""
    text = value.decode("latin-1").strip("\0 ")
    if not text.strip("0:-"):
        return None
    found = re.fullmatch(r"(\d{4})[:-]?(\d\d)[:-]?(\d\d)", text)
    if not found:
        raise Malformed(text)
    return moment_of(int(found[1]), int(found[2]) or 1, int(found[3]) or 1).at


def _time(value: bytes) -> Moment | None:
    """Return "123000+0200" as the moment of that time on the first day of the epoch."""
    text = value.decode("latin-1").strip("\0 ")
    if not text:
        return None
    found = re.fullmatch(r"(\d\d):?(\d\d):?(\d\d)\s*([+-]\d\d:?\d\d)?", text)
    if not found:
        raise Malformed(text)
    clock = moment_of(1970, 1, 1, int(found[1]), int(found[2]), int(found[3]))
    return Moment(clock.at, parse_offset(found[4]) if found[4] else None)
