"""Packed files for tests, made of drawn images, all of an old date."""

import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from ingest import IngestReport, plan_scopes
from ingest.report import NothingUsable
from ingest.scopes import Scope
from tests.ingest.small_archive import LONG_AGO_NS, SmallArchive

LONG_AGO_S = LONG_AGO_NS // 10**9


def image(seed: int, kind: str = "PNG") -> bytes:
    """Bytes of a small image; equal seeds give equal bytes."""
    blocks = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(blocks.repeat(16, 0).repeat(16, 1)).save(stream, kind)
    return stream.getvalue()


def images(*names: str) -> dict[str, bytes]:
    """One image a name, each with bytes of its own."""
    return {name: image(zlib.crc32(name.encode())) for name in names}


def aged(path: Path, seconds_later: int = 0) -> Path:
    """Give a file an old date."""
    moment = LONG_AGO_S + seconds_later
    os.utime(path, (moment, moment))
    return path


def make_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2020, 9, 13, 12, 26, 40))
            file.writestr(info, data, zipfile.ZIP_DEFLATED)
    return aged(path)


def make_tar(path: Path, members: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> Path:
    """Make a tar, compressed as its name says."""
    kind = path.suffix[1:].replace("tgz", "gz")
    mode = f"w:{kind}" if kind in ("gz", "bz2", "xz") else "w"
    pairs = members.items() if isinstance(members, Mapping) else members
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, data in pairs:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), LONG_AGO_S
            file.addfile(info, io.BytesIO(data))
    return aged(path)


def make(path: Path, members: Mapping[str, bytes]) -> Path:
    """Make a packed file of the kind its name says."""
    return make_zip(path, members) if path.suffix == ".zip" else make_tar(path, members)


def report_of(archive: SmallArchive, scope: Scope, **options: object) -> IngestReport:
    """The report of a run, also of one that found nothing of use."""
    try:
        return archive.ingest(scope, **options)
    except NothingUsable as nothing:
        return nothing.report


def scope_of(path: str | Path) -> Scope:
    """The scope of one path that no archive knows yet."""
    [scope] = plan_scopes([path], [])
    return scope
