"""Hits gathered in a folder, as copies or as symbolic links.

A name is the hit's rank and the file's own name, so that a file manager shows them in order and two
files of one name stay apart. Nothing is ever overwritten: where a name is taken by something else,
the next free one with ``~2``, ``~3`` ... is used; what is there already from an earlier call stays.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from eidetic.files import Files
from eidetic.results import Hit
from schema import ImageUnreadable, Root, UsageError

MAX_NAME_BYTES = 255
"""What file systems take."""

MAX_EXTENSION_BYTES = 16
"""What follows a dot and is longer is no extension, and is cut with the rest of the name."""

RANK_DIGITS = 3
"""The same for every call, so that another one with more hits finds what is there already."""


@dataclass(frozen=True, slots=True)
class Made:
    """A hit that is in the folder now.

    Attributes:
        path: Of the copy or link.
        is_new: Whether this call made it.
    """

    hit: Hit
    path: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A hit whose file could not be had, and why: the fact and the next step."""

    hit: Hit
    reason: str


@dataclass(frozen=True, slots=True)
class Collected:
    """What was gathered in a folder.

    Attributes:
        folder: Its absolute path.
    """

    folder: str
    made: tuple[Made, ...]
    left_out: tuple[LeftOut, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the keys of the command line's contract."""
        return {
            "folder": self.folder,
            "made": [{"id": made.hit.id, "path": made.path} for made in self.made],
            "left_out": [
                {"id": left.hit.id, "path": left.hit.path, "reason": left.reason}
                for left in self.left_out
            ],
        }


def copy_hits(hits: Iterable[Hit], folder: Path, files: Files) -> Collected:
    """Copy the hits' files, wherever they are, with their dates.

    Args:
        folder: Is made where it does not exist.

    Raises:
        UsageError: The folder cannot be made or written, or the host of a file is away.
    """

    def put(hit: Hit, paths: Iterator[Path]) -> Made:
        data = files.read(hit.record)
        while True:
            path = next(paths)
            try:
                _write_new(path, data, hit.record.mtime_ns)
            except FileExistsError:
                if _holds(path, data):
                    return Made(hit, str(path), is_new=False)
            else:
                return Made(hit, str(path), is_new=True)

    return _gather(hits, folder, put)


def link_hits(hits: Iterable[Hit], folder: Path, files: Files) -> Collected:
    """Make symbolic links to the hits' files, by absolute path.

    Files that are not on this machine, and members of packed files, are left out.

    Raises:
        UsageError: The folder cannot be made or written.
    """

    def put(hit: Hit, paths: Iterator[Path]) -> Made:
        target = _linkable(hit, files.roots.get(hit.record.root))
        while True:
            path = next(paths)
            try:
                path.symlink_to(target)
            except FileExistsError:
                if path.is_symlink() and os.readlink(path) == target:  # noqa: PTH115
                    return Made(hit, str(path), is_new=False)
            else:
                return Made(hit, str(path), is_new=True)

    return _gather(hits, folder, put)


class _NotLinkable(Exception):
    """A hit of which there is no file to link to; the message is the reason."""


def _gather(
    hits: Iterable[Hit], folder: Path, put: Callable[[Hit, Iterator[Path]], Made]
) -> Collected:
    try:
        folder = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  # links stay links
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be made ({error.strerror}); give another folder"
        ) from error
    except (ValueError, RuntimeError) as error:
        # A NUL in the path, or the home folder of nobody.
        raise UsageError(f"{str(folder)!r}: not a path ({error}); give another folder") from error
    made: list[Made] = []
    left_out: list[LeftOut] = []
    for hit in hits:
        names = _names(f"{hit.rank:0{RANK_DIGITS}}-{hit.record.name}")
        try:
            made.append(put(hit, (folder / name for name in names)))
        except ImageUnreadable as error:
            left_out.append(LeftOut(hit, error.detail))
        except _NotLinkable as error:
            left_out.append(LeftOut(hit, str(error)))
        except OSError as error:
            raise UsageError(
                f"{folder}: cannot be written ({error.strerror}), after {len(made):,} files; "
                "make room or give another folder"
            ) from error
    return Collected(str(folder), tuple(made), tuple(left_out))


def _linkable(hit: Hit, root: Root | None) -> str:
    if root is None:
        raise _NotLinkable(
            f"its root {hit.record.root} has no location on this machine; ingest it here"
        )
    if not root.is_local:
        raise _NotLinkable("it is no file of this machine by itself; copy it with --copy-to FOLDER")
    if not Path(hit.path).is_file():
        raise _NotLinkable(
            "there is no such file any more; ingest its root again so that its row follows"
        )
    return hit.path


def _names(name: str) -> Iterator[str]:
    """Yield a name and then its variations; each fits into a file system."""
    # A row's name has no "/", but a copy must not leave the folder whatever a row says.
    stem, dot, extension = name.replace("/", "_").replace("\0", "_").rpartition(".")
    if not stem or len(os.fsencode(extension)) > MAX_EXTENSION_BYTES:
        stem, dot, extension = stem + dot + extension, "", ""
    for number in count(1):
        ending = ("" if number == 1 else f"~{number}") + dot + extension
        room = MAX_NAME_BYTES - len(os.fsencode(ending))
        yield os.fsencode(stem)[:room].decode("utf-8", "ignore") + ending


def _write_new(path: Path, data: bytes, mtime_ns: int) -> None:
    with path.open("xb") as file:
        try:
            file.write(data)
            file.flush()
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
    if mtime_ns > 0:
        os.utime(path, ns=(mtime_ns, mtime_ns))


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False
