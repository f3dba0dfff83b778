"""Files of images as one zip, made while it is sent."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from eidetic.server.files import open_original
from eidetic.server.problems import Refused
from schema import ImageRecord, Root

CHUNK_BYTES = 256 << 10
MISSING_NAME = "MISSING.txt"


def zip_originals(records: Sequence[ImageRecord], roots: Mapping[str, Root]) -> Iterator[bytes]:
    """Yield the bytes of a zip; files that cannot be had are listed in one of its own.

    Images are packed as they are: they are compressed already.
    """
    sink = _Sink()
    names = _names(records)
    missing: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as packed:
        for record, name in zip(records, names, strict=True):
            try:
                file = open_original(record, roots)
            except Refused as refusal:
                missing.append(f"{name}: {refusal.detail}")
                continue
            info = zipfile.ZipInfo(name, _date(file.mtime_ns))
            info.external_attr = 0o644 << 16
            with file.stream as stream, packed.open(info, "w", force_zip64=True) as member:
                while chunk := stream.read(CHUNK_BYTES):
                    member.write(chunk)
                    yield sink.take()
        if missing:
            packed.writestr(MISSING_NAME, "\n".join(missing) + "\n")
    yield sink.take()


def _names(records: Sequence[ImageRecord]) -> list[str]:
    """Return a name for each file, its own where no other has it."""
    seen = {MISSING_NAME.casefold()}
    names = []
    for record in records:
        path = PurePosixPath(record.name)
        name, n = record.name, 1
        while name.casefold() in seen:
            n += 1
            name = f"{path.stem} ({n}){path.suffix}"
        seen.add(name.casefold())
        names.append(name)
    return names


def _date(mtime_ns: int) -> tuple[int, int, int, int, int, int]:
    """Return a time as zip can hold it, which begins in 1980 and ends in 2107."""
    try:
        when = datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return (1980, 1, 1, 0, 0, 0)
    if not 1980 <= when.year <= 2107:
        return (1980, 1, 1, 0, 0, 0)
    return (when.year, when.month, when.day, when.hour, when.minute, when.second)


class _Sink(io.RawIOBase):
    """Takes what is written until it is taken away; it cannot go back."""

    def __init__(self) -> None:
        self._chunks = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._chunks += view
        return len(view)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = bytes(self._chunks)
        self._chunks.clear()
        return taken
