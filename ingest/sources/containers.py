"""Packed files wherever they are: opened by their kind, and their members read."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import BadZipFile

from ingest.filesystems import Filesystem
from ingest.sources.archives import DAMAGE, Container, Contents, TarContainer, ZipContainer
from ingest.sources.table import TableContainer
from schema.errors import ImageUnreadable, SkipReason


@contextmanager
def local_copy(place: str, filesystem: Filesystem | None) -> Iterator[str]:
    """Lend the path of a file of this machine: the place itself, or a copy of what is there.

    A copy holds the whole file, because a tar has to be read from its beginning to its end to be
    listed, and its bytes should not come over the network a second time. A file that was opened
    stays readable when the copy's name is gone, and goes with the process.

    Args:
        filesystem: Behind which the place is; None for this machine.
    """
    if filesystem is None:
        yield place
        return
    handle, path = tempfile.mkstemp(prefix="eidetic-")
    os.close(handle)
    try:
        filesystem.fetch(place, path)
        yield path
    finally:
        os.unlink(path)  # noqa: PTH108


def open_container(
    kind: str, place: str, filesystem: Filesystem | None, marker: int = 1
) -> Container:
    """Open a packed file; its members can be read once they have been listed.

    Args:
        kind: As in `schema.roots.Root.packed`, as is ``place``.
        filesystem: See `local_copy`.
        marker: See `TarContainer`.

    Raises:
        OSError: It cannot be had, or another of `DAMAGE`: it is not whole.
        UsageError: What reads a table is not installed, or it holds no images.
    """
    with local_copy(place, filesystem) as path:
        if kind == "zip":
            return ZipContainer(path)
        if kind == "tar":
            return TarContainer(path, marker)
        return TableContainer(path, place)


def read_member(container: Container, path: str) -> Contents:
    """Return a member of a packed file.

    Raises:
        ImageUnreadable: There is no such member, or it is damaged.
    """
    try:
        return container.read(path)
    except KeyError as error:
        detail = "the member vanished between the scan and its reading; ingest again"
        raise ImageUnreadable(SkipReason.VANISHED, detail) from error
    except BadZipFile as error:
        detail = f"the member is damaged ({error}); pack it again"
        raise ImageUnreadable(SkipReason.CORRUPT, detail) from error
    except DAMAGE as error:
        # The packed file is cut short or away: what the member held may be what it was.
        detail = f"the packed file cannot be read here ({error}); fetch or pack it again"
        raise ImageUnreadable(SkipReason.UNREADABLE, detail) from error
