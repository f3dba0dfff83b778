"""Zip and tar files: what they list, and the bytes of one member."""

import bz2
import calendar
import gzip
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from tarfile import HeaderError, ReadError
from typing import IO, Protocol, Self

from embed.images import MAX_FILE_BYTES
from ingest.addresses import packed_kind
from ingest.companions import SIDECAR_EXTENSION
from ingest.names import is_image_candidate
from ingest.sources.captions import is_caption
from ingest.sources.members import Member
from ingest.sources.onepass import OnePass
from ingest.walk import Unwalkable
from schema.errors import ImageUnreadable, SkipReason

DAMAGE = (
    EOFError,
    OSError,
    UnicodeError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What Python's readers raise for a file that is not whole."""

_UNPACKERS: dict[bytes, Callable[[IO[bytes], str], IO[bytes]]] = {
    b"\x1f\x8b": gzip.open,  # type: ignore[dict-item]
    b"BZh": bz2.open,  # type: ignore[dict-item]
    b"\xfd7zXZ\0": lzma.open,  # type: ignore[dict-item]
}

Contents = tuple[bytes, tuple[str, ...]]
"""The bytes of a member, and what the packed file itself says about it in words."""


class Container(Protocol):
    """A packed file that is open. `read` is called from many threads."""

    def members(self) -> Iterator[Member | Unwalkable]:
        """Yield what it holds, in its order; of two members of one path the later one counts.

        Raises one of `DAMAGE` where the file is not whole from here on.
        """
        ...

    def read(self, path: str) -> Contents:
        """Return a member of at most `MAX_FILE_BYTES` that `members` has yielded.

        Raises one of `DAMAGE`, or `ImageUnreadable` where it is whole and cannot be read.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class ZipContainer:
    """A zip file: its directory says all, and any member can be read at its place."""

    def __init__(self, path: str) -> None:
        self._file = zipfile.ZipFile(path)
        self._infos: dict[str, zipfile.ZipInfo] = {}

    def members(self) -> Iterator[Member | Unwalkable]:
        for info in self._file.infolist():
            path = _plain(info.filename)
            if info.is_dir() or not _is_of_interest(path):
                continue
            if packed_kind(path):
                yield _not_entered(path)
                continue
            self._infos[path] = info
            yield Member(path, info.file_size, _zip_time_ns(info), info.CRC or 1)

    def read(self, path: str) -> Contents:
        info = self._infos[path]
        if info.flag_bits & 0x1:
            detail = "the member is encrypted; unpack it with its password"
            raise ImageUnreadable(SkipReason.UNSUPPORTED, detail)
        try:
            with self._file.open(info) as member:
                # Never more than the member declares, and then its checksum is compared.
                return member.read(), ()
        except NotImplementedError as error:
            detail = f"its compression cannot be read ({error}); pack it with deflate"
            raise ImageUnreadable(SkipReason.UNSUPPORTED, detail) from error

    def close(self) -> None:
        self._file.close()


class TarContainer:
    """A tar file. Members are read at their place, or if it is compressed in one pass over it."""

    def __init__(self, path: str, marker: int) -> None:
        """Open the file.

        Args:
            path: Of a local file.
            marker: Changes with the file. A tar has no checksums: its members change with it.
        """
        self._marker = marker
        self._file = open(path, "rb")  # noqa: PTH123, SIM115
        head = os.pread(self._file.fileno(), 6, 0)
        self._unpack = next((u for magic, u in _UNPACKERS.items() if head.startswith(magic)), None)
        self._infos: dict[str, tarfile.TarInfo] = {}
        self._numbers: dict[str, int] = {}
        self._stream: OnePass[bytes] = OnePass(self._begin, len)

    def members(self) -> Iterator[Member | Unwalkable]:
        number = -1
        for path, info in _headers(self._open()):
            if packed_kind(path):
                yield _not_entered(path)
                continue
            if info.isreg():
                number += 1
                self._infos[path], self._numbers[path] = info, number
            else:
                # A hard link: the bytes of a member before it.
                target = _plain(info.linkname)
                if target not in self._infos:
                    continue
                self._infos[path], self._numbers[path] = self._infos[target], self._numbers[target]
            yield Member(path, self._infos[path].size, int(info.mtime) * 10**9, self._marker)

    def read(self, path: str) -> Contents:
        if self._unpack is not None:
            return self._stream.read(self._numbers[path]), ()
        info = self._infos[path]
        data = bytearray()
        while len(data) < info.size:
            at = info.offset_data + len(data)
            chunk = os.pread(self._file.fileno(), info.size - len(data), at)
            if not chunk:
                raise EOFError("the file ends before the member does")
            data += chunk
        return bytes(data), ()

    def close(self) -> None:
        self._file.close()

    def _open(self) -> tarfile.TarFile:
        self._file.seek(0)
        file = self._unpack(self._file, "rb") if self._unpack else self._file
        return tarfile.TarFile(fileobj=file, tarinfo=_Header)

    def _begin(self) -> Iterator[tuple[int, Callable[[], bytes]]]:
        tar = self._open()
        files = (info for path, info in _headers(tar) if not packed_kind(path))
        stored = (info for info in files if info.isreg())
        for number, info in enumerate(stored):
            yield number, partial(_extract, tar, info)


class _Header(tarfile.TarInfo):
    """A header that takes nothing but the mark of a tar's end for the end."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            # Python would end here as if all had been listed.
            raise ReadError(f"{error} at byte {tarfile.offset:,}") from error


def _headers(tar: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """Yield the files of a tar that are of interest, hard links among them, by path."""
    while (info := tar.next()) is not None:
        # The reader would keep all members of a tar of a million.
        tar.members.clear()  # type: ignore[attr-defined]
        path = _plain(info.name)
        if (info.isreg() or info.islnk()) and _is_of_interest(path):
            yield path, info


def _extract(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    if info.size > MAX_FILE_BYTES:
        return b""
    member = tar.extractfile(info)
    data = member.read() if member else b""
    if len(data) < info.size:
        raise EOFError("the file ends before the member does")
    return data


def _plain(name: str) -> str:
    """Return a member's name without the "./" that tar puts before all names of a folder."""
    return "/".join(part for part in name.split("/") if part != ".")


def _is_of_interest(path: str) -> bool:
    name = path.rpartition("/")[2]
    return (
        is_image_candidate(name)
        or is_caption(path)
        or name.lower().endswith(f".{SIDECAR_EXTENSION}")
        or bool(packed_kind(name))
    )


def _not_entered(path: str) -> Unwalkable:
    detail = "a packed file inside another is not entered; unpack the outer one"
    return Unwalkable(path, SkipReason.UNSUPPORTED, detail, is_folder=False)


def _zip_time_ns(info: zipfile.ZipInfo) -> int:
    # The clock on the wall of whoever packed it, its zone unknown; taken as UTC, it is the same
    # on every machine.
    try:
        return max(calendar.timegm((*info.date_time, 0, 0, 0)), 0) * 10**9
    except ValueError:
        return 0
