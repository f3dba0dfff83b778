"""What a video file says of itself: when, where and with what it was filmed, and its titles.

The names are those that FFmpeg gives to what QuickTime, MP4 and Matroska files hold: Apple's and
Android's telephones write the keys of com.apple.quicktime and com.android, other programs the plain
ones.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ingest.facts import Facts
from ingest.values import (
    Malformed,
    Moment,
    Sieve,
    camera_name,
    join_position,
    parse_line,
    parse_moment,
)

_APPLE = "com.apple.quicktime."

_FIRST_YEAR = 1971
"""QuickTime counts from 1904 and programs from 1970: a clock that was never set."""

_ISO_6709 = re.compile(
    r"([+-]\d{2}(?:\.\d+)?)([+-]\d{3}(?:\.\d+)?)(?:[+-]\d+(?:\.\d+)?)?(?:CRS.*)?/?"
)
"""A position in degrees, as in "+48.8577+002.2950+035.000/"."""


def read_video(metadata: Mapping[str, str]) -> Facts:
    """Return what a video's metadata say; no texts make it raise.

    Args:
        metadata: By lower-case name, see `embed.video.VideoFile`.
    """
    sieve = Sieve()
    told = metadata.get
    # The first is a wall clock with its offset, the second by the standard in UTC.
    moment = sieve.first(_local, told(f"{_APPLE}creationdate"))
    moment = moment or sieve.first(_of_utc, told("creation_time"), told("date_utc"))
    position = sieve.first(
        _position,
        told(f"{_APPLE}location.iso6709"),
        told("location"),
        told("location-eng"),
    )
    return Facts(
        taken_at=moment.at if moment else None,
        utc_offset_min=moment.offset if moment else None,
        taken_from="video" if moment else None,
        camera=camera_name(
            sieve.first(parse_line, told(f"{_APPLE}make"), told("make")),
            sieve.first(parse_line, told(f"{_APPLE}model"), told("model")),
        ),
        lat=position[0] if position else None,
        lon=position[1] if position else None,
        title=sieve.first(parse_line, told(f"{_APPLE}title"), told("title")),
        description=sieve.first(
            parse_line,
            told(f"{_APPLE}description"),
            told("description"),
            told("comment"),
            told("synopsis"),
        ),
        malformed=sieve.malformed,
    )


def _local(text: str) -> Moment | None:
    moment = parse_moment(text)
    return None if moment is None or _is_unset(moment) else moment


def _of_utc(text: str) -> Moment | None:
    """Return what this machine's clock showed at a time in UTC."""
    moment = parse_moment(text)
    if moment is None or _is_unset(moment):
        return None
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment.at)
    try:
        offset = utc.astimezone().utcoffset() or timedelta(0)
    except (OverflowError, OSError) as error:
        raise Malformed(text) from error
    minutes = offset // timedelta(minutes=1)
    return replace(moment, at=moment.at + minutes * 60_000, offset=minutes)


def _is_unset(moment: Moment) -> bool:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment.at) < datetime(
        _FIRST_YEAR, 1, 1, tzinfo=UTC
    )


def _position(text: str) -> tuple[float, float] | None:
    found = _ISO_6709.fullmatch(text.strip())
    if found is None:
        raise Malformed(text)
    lat, lon = float(found[1]), float(found[2])
    if abs(lat) > 90 or abs(lon) > 180:
        raise Malformed(text)
    return join_position((lat, lon))
