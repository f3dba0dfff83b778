"""The record of an image: its file, its EXIF and its path, put together."""

import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from embed.images import DecodedImage
from ingest.exif import read_exif
from schema.records import ImageRecord, row_id


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file as it was when its bytes were read.

    Attributes:
        root: Id of the root; ``path`` is relative to it, POSIX.
        content: See `schema.records.content_hash`.
        inode: 0 where unknown.
        read_ns: When the bytes were read, nanoseconds since the epoch.
        sidecar_ns: Modification time of the sidecar that was read with it, 0 where there is none.
    """

    root: str
    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    content: str
    read_ns: int
    sidecar_ns: int = 0


def make_record(
    file: FileFacts,
    decoded: DecodedImage,
    sidecar: bytes = b"",  # noqa: ARG001
    captions: tuple[str, ...] = (),
) -> ImageRecord:
    """Return the record of a decoded file; what its EXIF leaves out or garbles is unknown."""
    facts = read_exif(decoded.exif)
    described = "\n".join([*captions, *facts.titles, *facts.tags])
    return ImageRecord(
        id=row_id(file.root, file.path),
        root=file.root,
        path=file.path,
        content=file.content,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        taken_at=facts.taken_at,
        utc_offset_min=facts.utc_offset_min,
        camera=facts.camera,
        lens=facts.lens,
        iso_speed=facts.iso_speed,
        focal_mm=facts.focal_mm,
        aperture=facts.aperture,
        shutter_s=facts.shutter_s,
        lat=facts.lat,
        lon=facts.lon,
        rating=facts.rating,
        tags=facts.tags,
        text=_join(path_words(file.path), described),
    )


def move_record(record: ImageRecord, file: FileFacts) -> ImageRecord:
    """Return the record of a file whose bytes are known from another place or time.

    All that comes from the bytes stays; what comes from the file and its path is the file's.
    """
    described = record.text.removeprefix(path_words(record.path)).removeprefix("\n")
    return replace(
        record,
        id=row_id(file.root, file.path),
        root=file.root,
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        text=_join(path_words(file.path), described),
    )


def path_words(path: str) -> str:
    """Return the words and numbers of a path without its extension, separated by spaces."""
    bare = unicodedata.normalize("NFC", str(PurePosixPath(path).with_suffix("")))
    return " ".join(re.findall(r"[^\W_]+", bare))


def _join(words: str, described: str) -> str:
    return "\n".join(part for part in (words, described) if part)
