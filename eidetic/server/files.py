"""The file of a row, opened so that nothing outside its root can take its place."""

import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

from eidetic.server.problems import Refused
from schema import ImageRecord, Root

MEDIA_TYPES: Mapping[str, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "heic": "image/heic",
    "heif": "image/heif",
    "jxl": "image/jxl",
    "jpeg2000": "image/jp2",
    "psd": "image/vnd.adobe.photoshop",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "m2v": "video/mpeg",
    "flv": "video/x-flv",
    "asf": "video/x-ms-wmv",
    "ogg": "video/ogg",
}
"""By the format that was found in the bytes; never guessed from a name."""

SHOWN_BY_BROWSERS = frozenset({"jpeg", "png", "webp", "gif", "avif", "bmp"})

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Should a FIFO have taken the file's place, opening it must not wait for a writer.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that is open for reading; whoever has it closes ``stream``."""

    stream: io.FileIO
    size_bytes: int
    mtime_ns: int


def media_type(record: ImageRecord) -> str:
    """Return the media type of a row's file."""
    return MEDIA_TYPES.get(record.format, "application/octet-stream")


def open_original(record: ImageRecord, roots: Mapping[str, Root]) -> OpenFile:
    """Open the file of a row.

    Its path is resolved, must lie below the root, and is then opened part by part without
    following a link, so that nothing put in its way meanwhile leads elsewhere. A link to another
    file of the same root is followed.

    Raises:
        Refused: The root is no folder of this machine, or the file is gone (404); it lies outside
            its root or is no regular file (403).
    """
    root = roots.get(record.root)
    if root is None or not root.is_local:
        raise Refused(
            404,
            "the file of this image is in no folder of this machine, so it cannot be shown",
            kind="not-local",
        )
    parts = PurePosixPath(record.path).parts
    if not parts or ".." in parts or record.path.startswith("/"):
        raise _outside()
    real_root = os.path.realpath(root.location)
    try:
        real = os.path.realpath(os.path.join(real_root, *parts), strict=True)  # noqa: PTH118
        if os.path.commonpath((real, real_root)) != real_root or real == real_root:
            raise _outside()
        descriptor = _open_below(real_root, PurePath(real).relative_to(real_root).parts)
    except (OSError, ValueError) as error:
        # An ELOOP here is a link that was put in the way just now.
        raise Refused(
            404,
            "the file of this image cannot be opened: it was moved or deleted, its disk is away, "
            "or it may not be read; ingest its folder again",
            kind="file-gone",
        ) from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        raise _outside()
    return OpenFile(io.FileIO(descriptor), facts.st_size, facts.st_mtime_ns)


def _open_below(root: str, parts: tuple[str, ...]) -> int:
    folder = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _outside() -> Refused:
    return Refused(
        403,
        "the file of this image is a link out of its root, or no regular file any more, and is "
        "not shown",
        kind="outside-root",
    )
