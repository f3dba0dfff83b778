"""The very bytes that an image of an archive was indexed from, or a refusal.

A file may be another one by now: replaced, or a symbolic link to something that was never meant to
be shown. What is not byte for byte what the row was made from does not leave here, and nothing is
decoded that ingestion has not decoded before.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from embed.video_formats import READERS
from schema import ImageRecord, NoUsableImage, Root, content_hash


def read_original(record: ImageRecord, roots: Mapping[str, Root]) -> bytes:
    """Return the bytes of a row's file.

    Args:
        roots: The archive's roots by id, see `schema.load_roots`.

    Raises:
        NoUsableImage: The file is not on a disk of this machine, is gone, cannot be read, or has
            changed since it was indexed.
    """
    location = _locate(record, roots)
    try:
        # Should a FIFO have taken the file's place, opening it must not wait for a writer.
        handle = os.open(location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            facts = os.fstat(handle)
            is_same = stat.S_ISREG(facts.st_mode) and facts.st_size == record.size_bytes
            data = stream.read(record.size_bytes) if is_same else b""
    except OSError as error:
        raise _unreadable(record, location, error) from error
    if not is_same or content_hash(data) != record.content:
        raise _changed(record, location)
    return data


def find_video(record: ImageRecord, roots: Mapping[str, Root]) -> str:
    """Return where the video of a frame is, by size and date the one that was indexed.

    A hash over gigabytes for each frame that is shown would cost more than showing it.

    Raises:
        NoUsableImage: As for `read_original`.
    """
    location = _locate(record, roots)
    try:
        facts = Path(location).stat()
    except OSError as error:
        raise _unreadable(record, location, error) from error
    told = (record.size_bytes, record.mtime_ns)
    is_same = stat.S_ISREG(facts.st_mode) and (facts.st_size, facts.st_mtime_ns) == told
    if not is_same or record.format not in READERS:
        raise _changed(record, location)
    return location


def _locate(record: ImageRecord, roots: Mapping[str, Root]) -> str:
    root = roots.get(record.root)
    if root is None or not root.is_local:
        raise NoUsableImage(
            f"image {record.id}: its file is in no folder of this machine (root {record.root}), "
            "and only such files are shown"
        )
    return root.locate(record.path)


def _unreadable(record: ImageRecord, location: str, error: OSError) -> NoUsableImage:
    return NoUsableImage(
        f"image {record.id}: {location} cannot be read ({error.strerror}); ingest its folder "
        "again, or say where it is now with: eidetic roots move"
    )


def _changed(record: ImageRecord, location: str) -> NoUsableImage:
    return NoUsableImage(
        f"image {record.id}: {location} is not what it was when it was indexed; ingest its "
        "folder again"
    )
