"""An open file as a response, whole or a range of it (RFC 9110, section 14)."""

import io
import re
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from eidetic.server.files import OpenFile
from eidetic.server.problems import Refused

CHUNK_BYTES = 256 << 10

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def stream(
    file: OpenFile,
    *,
    media_type: str,
    etag: str,
    range_header: str,
    if_range: str,
    headers: Mapping[str, str],
) -> Response:
    """Return a response that reads the file, and closes it.

    Several ranges at once, and units other than bytes, are answered with the whole file, as the
    standard allows.

    Raises:
        Refused: The range begins behind the end (416).
    """
    start, end = 0, file.size_bytes
    is_part = False
    wanted = _RANGE.fullmatch(range_header.strip()) if if_range in ("", etag) else None
    if wanted and (wanted[1] or wanted[2]):
        start, end = _bounds(wanted[1], wanted[2], file.size_bytes)
        if start >= end:
            file.stream.close()
            raise Refused(
                416,
                f"the file has {file.size_bytes:,} bytes",
                headers={"Content-Range": f"bytes */{file.size_bytes}"},
            )
        is_part = True
    told = {
        **headers,
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Last-Modified": formatdate(file.mtime_ns / 1e9, usegmt=True),
    }
    if is_part:
        told["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    return StreamingResponse(
        _read(file.stream, start, end),
        206 if is_part else 200,
        told,
        media_type=media_type,
    )


def disposition(name: str, *, attached: bool) -> str:
    """Return a Content-Disposition with a file's name, whatever characters it has."""
    kind = "attachment" if attached else "inline"
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}"


def matches(if_none_match: str, etag: str) -> bool:
    """Whether a client that sent this header has the response already."""
    return etag in (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _read(file: io.FileIO, start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while start < end:
            chunk = file.read(min(CHUNK_BYTES, end - start))
            if not chunk:
                # Cut short meanwhile: the client sees fewer bytes than it was promised.
                return
            start += len(chunk)
            yield chunk
