"""One image's facts as a person reads them: units, local dates, places."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from eidetic.cli.output import human_bytes
from eidetic.printable import printable

if TYPE_CHECKING:
    from eidetic.show import Facts, FileState
    from schema import ImageRecord


def portray(facts: "Facts") -> Iterator[tuple[str, str]]:
    """Yield names and values, what is unknown left out."""
    yield "path", printable(facts.path)
    if facts.record is not None:
        for name, value in _row(facts.record):
            if value:
                yield name, printable(value)
    yield "file", _file(facts.file)
    if facts.entry is not None:
        read = f", read {_moment(facts.entry.read_ns)}" if facts.entry.read_ns else ""
        yield "journal", f"{facts.entry.state}{read}"
        if facts.entry.state == "skipped":
            yield "because", f"{facts.entry.reason}: {printable(facts.entry.detail)}"
    for path in facts.same_content_paths:
        yield "same content", printable(path)


def exposure(record: "ImageRecord") -> str:
    """Return shutter, aperture, sensitivity and focal length: "1/250 s, f/2.8, ISO 200, 35 mm"."""
    parts = (
        record.shutter_s and f"{_shutter(record.shutter_s)} s",
        record.aperture and f"f/{record.aperture:.3g}",
        record.iso_speed and f"ISO {record.iso_speed}",
        record.focal_mm and f"{record.focal_mm:.4g} mm",
    )
    return ", ".join(part for part in parts if part)


def taken(record: "ImageRecord") -> str:
    """Return the local wall clock at capture and its offset: "2019-07-04 12:30:00 +02:00"."""
    if record.taken_at is None:
        return ""
    # Not fromtimestamp, which some systems limit to the years after 1970.
    clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=record.taken_at)
    text = clock.strftime("%Y-%m-%d %H:%M:%S")
    if record.utc_offset_min is None:
        return text
    hours, minutes = divmod(abs(record.utc_offset_min), 60)
    return f"{text} {'-' if record.utc_offset_min < 0 else '+'}{hours:02}:{minutes:02}"


def coordinates(record: "ImageRecord") -> str:
    """Return degrees north or south, east or west, and the place if it is known."""
    if record.lat is None or record.lon is None:
        return ""
    north, east = "N" if record.lat >= 0 else "S", "E" if record.lon >= 0 else "W"
    place = ", ".join(part for part in (record.place, record.country) if part)
    at = f"{abs(record.lat):.5f}° {north}, {abs(record.lon):.5f}° {east}"
    return f"{at} ({place})" if place else at


def _row(record: "ImageRecord") -> Iterator[tuple[str, str]]:
    from eidetic.results import moment

    size = human_bytes(record.size_bytes)
    yield "id", record.id
    yield "root", record.root
    yield "image", f"{record.format}, {record.width} x {record.height} pixels, {size}"
    yield "moment", moment(record)
    yield "taken", taken(record)
    yield "camera", record.camera or ""
    yield "lens", record.lens or ""
    yield "exposure", exposure(record)
    yield "coordinates", coordinates(record)
    if record.lat is None:
        yield "place", ", ".join(part for part in (record.place, record.country) if part)
    yield "rating", "" if record.rating is None else f"{record.rating} of 5"
    yield "tags", ", ".join(record.tags)
    yield "labels", f"{', '.join(record.labels)} (by the model)" if record.labels else ""
    yield "words", " / ".join(record.text.splitlines())
    yield "content", record.content
    yield "phash", "" if record.phash is None else f"{record.phash & (2**64 - 1):016x}"


def _file(file: "FileState") -> str:
    if file.is_there is None:
        return "unknown here: its root has no location on this machine"
    if not file.is_there:
        return "not there"
    state = {True: "unchanged", False: "changed since it was read", None: "never read"}
    size, date = human_bytes(file.size_bytes or 0), _moment(file.mtime_ns or 0)
    return f"{state[file.is_unchanged]}; {size}, of {date}"


def _shutter(seconds: float) -> str:
    # From a third of a second on, cameras show decimals.
    return f"1/{1 / seconds:.0f}" if seconds < 0.3 else f"{seconds:.3g}"


def _moment(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
