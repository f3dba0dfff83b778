"""The record of an image: its file, its metadata, its name and its place, put together.

In two halves. `read_facts` parses what strangers wrote, and needs nothing but the image's bytes;
`make_record` adds what the file, its name and the gazetteer say.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from embed.header import ImageHeader
from embed.images import DecodedImage
from ingest.dates import moment_of_name
from ingest.exif import read_exif
from ingest.facts import Facts, distinct, merge_facts
from ingest.iptc import read_iptc
from ingest.places import find_place
from ingest.values import Moment
from ingest.xmp import read_xmp
from schema.records import ImageRecord, TakenFrom, row_id

_FIRST_FILE_NS = 315_619_200 * 10**9
"""2 January 1980. ZIP archives and FAT disks write the day before it where they know none."""

_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file as it was when its bytes were read.

    Attributes:
        root: Id of the root; ``path`` is relative to it, POSIX.
        content: See `schema.records.content_hash`.
        inode: 0 where unknown.
        read_ns: When the bytes were read, nanoseconds since the epoch.
        sidecar_ns: Modification time of the sidecar that was read with it, 0 where there is none.
        captions: Texts that its source holds about it, beside the file.
    """

    root: str
    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    content: str
    read_ns: int
    sidecar_ns: int = 0
    captions: tuple[str, ...] = ()


def read_facts(image: ImageHeader | DecodedImage, sidecar: bytes) -> Facts:
    """Return what the metadata in the image and beside it say. No bytes make it raise.

    Args:
        sidecar: Bytes of the XMP file beside it, empty where there is none.
    """
    return merge_facts(
        sidecar=read_xmp(sidecar),
        xmp=read_xmp(image.xmp),
        iptc=read_iptc(image.iptc),
        exif=read_exif(image.exif),
    )


def make_record(
    file: FileFacts,
    facts: Facts,
    *,
    width: int,
    height: int,
    format: str,
    phash: int | None,
    labels: tuple[str, ...] = (),
) -> ImageRecord:
    """Return the record of a file.

    Args:
        width: Pixels after orientation; so is ``height``.
        format: Lower-case name of the format found in the bytes.
        phash: Perceptual hash, a signed 64-bit integer.
        labels: What a model said of the same content.

    Raises:
        EideticError: There is a position, and the gazetteer cannot be read.
    """
    moment: Moment | None = None
    taken_from: TakenFrom | None = facts.taken_from
    if facts.taken_at is not None:
        moment = Moment(facts.taken_at, facts.utc_offset_min)
    else:
        moment, taken_from = _taken_by_file(file)
    found = None
    if facts.lat is not None and facts.lon is not None and not (facts.place and facts.country):
        found = find_place(facts.lat, facts.lon)
    place = facts.place or (found.name if found else None)
    country = facts.country or (found.country or None if found else None)
    words = (*file.captions, facts.title, facts.description, *facts.tags, place, country)
    return ImageRecord(
        id=row_id(file.root, file.path),
        root=file.root,
        path=file.path,
        content=file.content,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        width=width,
        height=height,
        format=format,
        taken_at=moment.at if moment else None,
        utc_offset_min=moment.offset if moment else None,
        taken_from=taken_from,
        camera=facts.camera,
        lens=facts.lens,
        iso_speed=facts.iso_speed,
        focal_mm=facts.focal_mm,
        aperture=facts.aperture,
        shutter_s=facts.shutter_s,
        lat=facts.lat,
        lon=facts.lon,
        place=place,
        country=country,
        rating=facts.rating or None,
        tags=facts.tags,
        labels=labels,
        text=_join(path_words(file.path), "\n".join(distinct(word for word in words if word))),
        phash=phash,
    )


def make_frame_record(
    film: ImageRecord, offset_ms: int, *, width: int, height: int, phash: int | None
) -> ImageRecord:
    """Return the record of one frame of a video.

    Args:
        film: What `make_record` says of the file.
        offset_ms: The frame's time; so much later than the video was begun it was taken.
    """
    return replace(
        film,
        id=row_id(film.root, film.path, "frame", offset_ms),
        view="frame",
        offset_ms=offset_ms,
        taken_at=None if film.taken_at is None else film.taken_at + offset_ms,
        width=width,
        height=height,
        phash=phash,
    )


def path_words(path: str) -> str:
    """Return the words and numbers of a path without its extension, separated by spaces."""
    bare = unicodedata.normalize("NFC", str(PurePosixPath(path).with_suffix("")))
    return " ".join(re.findall(r"[^\W_]+", bare))


def _taken_by_file(file: FileFacts) -> tuple[Moment | None, TakenFrom | None]:
    """Return the time in the file's name, else that of its last change, and which it is."""
    name = PurePosixPath(file.path).name
    if moment := moment_of_name(name, file.read_ns // 10**6):
        return moment, "name"
    if _FIRST_FILE_NS <= file.mtime_ns <= file.read_ns + _DAY_NS:
        return _wall_clock(file.mtime_ns), "file"
    return None, None


def _wall_clock(time_ns: int) -> Moment:
    """Return what this machine's clock showed at a time."""
    local = datetime.fromtimestamp(time_ns // 10**9).astimezone()
    minutes = (local.utcoffset() or timedelta(0)) // timedelta(minutes=1)
    return Moment(time_ns // 10**6 + minutes * 60_000, minutes)


def _join(words: str, described: str) -> str:
    return "\n".join(part for part in (words, described) if part)
