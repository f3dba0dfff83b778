"""From a file that a scan found to its bytes, and those of its sidecar."""

import os
import stat
import time
from dataclasses import dataclass
from errno import ENOENT, ENOTDIR
from io import BufferedReader

from embed.formats import HEAD_BYTES, refusal_at_sight
from embed.images import MAX_FILE_BYTES
from embed.video_formats import SIGHT_BYTES, missing_reader, video_format
from ingest.metadata import FileFacts
from ingest.worklist import WorkItem
from schema.errors import ImageUnreadable, SkipReason
from schema.records import content_hash, new_content_hash

PIECE_BYTES = 1 << 20
"""Of a video, which may be larger than the memory."""

MAX_SIDECAR_BYTES = 4 << 20
"""Far above what programs write; a larger file is no sidecar."""


@dataclass(frozen=True, slots=True, eq=False)
class FileContents:
    """One file as it was read.

    Attributes:
        data: All of its bytes; none of a video, or where the first ones show that it is no image.
        video: Its format, see `embed.video_formats.video_format`; "" where it is no video.
        sidecar: Bytes of the XMP file beside it, empty where there is none.
        refusal: Why it was not read to its end, None where it was.
    """

    file: FileFacts
    data: bytes
    sidecar: bytes = b""
    refusal: ImageUnreadable | None = None
    video: str = ""


def read_file(item: WorkItem) -> FileContents:
    """Read a file and its sidecar; of a file that is no image, its first bytes only.

    A video is read for its hash alone, piece by piece, and not at all where none can be decoded.
    Size and mtime are those from before the reading: a file that changes meanwhile differs from
    them at the next scan, and is read again.

    Raises:
        ImageUnreadable: The file is gone, not to be read, not a regular file, or too large.
    """
    read_ns = time.time_ns()
    try:
        # Should a FIFO have taken the file's place, opening it must not wait for a writer.
        handle = os.open(item.location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                raise ImageUnreadable(
                    SkipReason.NOT_AN_IMAGE, "no longer a regular file; put the image back"
                )
            head = stream.read(min(SIGHT_BYTES, facts.st_size))
            video = video_format(head)
            refusal = missing_reader() if video else refusal_at_sight(head[:HEAD_BYTES])
            if refusal is None and not video and facts.st_size > MAX_FILE_BYTES:
                raise ImageUnreadable(
                    SkipReason.TOO_LARGE,
                    f"the file has {facts.st_size:,} bytes, the limit is {MAX_FILE_BYTES:,}; "
                    "save the image smaller",
                )
            data, content = b"", ""
            if video and refusal is None:
                content = _hash(head, stream)
            elif refusal is None:
                data = head + stream.read(facts.st_size - len(head))
                content = content_hash(data)
    except OSError as error:
        if error.errno in (ENOENT, ENOTDIR):
            detail = "the file vanished between the scan and its reading; ingest again"
            raise ImageUnreadable(SkipReason.VANISHED, detail) from error
        detail = f"the file cannot be read ({error.strerror}); check its permissions and disk"
        raise ImageUnreadable(SkipReason.UNREADABLE, detail) from error
    file = FileFacts(
        root=item.root.id,
        path=item.file.path,
        size_bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
        inode=facts.st_ino,
        content=content,
        read_ns=read_ns,
        sidecar_ns=item.file.sidecar_ns,
    )
    if refusal is not None:
        return FileContents(file, b"", refusal=refusal)
    return FileContents(file, data, _read_sidecar(item), video=video)


def _hash(head: bytes, stream: BufferedReader) -> str:
    content = new_content_hash(head)
    while piece := stream.read(PIECE_BYTES):
        content.update(piece)
    return content.hexdigest()


def _read_sidecar(item: WorkItem) -> bytes:
    """Return the sidecar's bytes; one that cannot be read costs its metadata, not the image."""
    if not item.file.sidecar:
        return b""
    try:
        handle = os.open(item.sidecar_location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_SIDECAR_BYTES:
                return b""
            return stream.read(facts.st_size)
    except OSError:
        return b""
