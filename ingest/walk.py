"""The files of a scope that may be images, found with memory for one folder at a time.

Links: a linked folder is not entered (it is indexed where it lives, or named as a path of its
own), so that loops cannot occur and no file has two rows because of a link. A linked file counts
where its target lies outside the root or where a scan passes the target over; otherwise the
target is found under its own name, once.
"""

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from errno import ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR

from ingest.companions import SIDECAR_EXTENSION, Companions
from ingest.names import Excluded, is_candidate, is_passed_over
from ingest.scopes import Scope
from schema.errors import SkipReason
from schema.fields import MAX_PATH_BYTES

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file that may be an image.

    Attributes:
        path: POSIX path relative to the root.
        inode: 0 where the file system has none.
        sidecar: Path of its XMP sidecar relative to the root, "" where there is none.
        sidecar_ns: Modification time of the sidecar, nanoseconds since the epoch, else 0.
        developed: For a RAW file, the path of the image its camera developed of it, relative to
            the root: that one stands for both. Else "".
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    sidecar: str = ""
    sidecar_ns: int = 0
    developed: str = ""


@dataclass(frozen=True, slots=True)
class Unwalkable:
    """A file or folder that is there and could not be looked at: nothing is known of its state.

    Attributes:
        path: POSIX path relative to the root, "" for the root itself.
        is_folder: Whether everything below the path is unknown too.
    """

    path: str
    reason: SkipReason
    detail: str
    is_folder: bool


def walk(scope: Scope, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
    """Yield what a scope holds: per folder its files by name, then its sub-folders by name.

    FIFOs, devices and sockets, files of other kinds by their extension, hidden, junk and excluded
    entries and the folders of other roots are passed over in silence. A file that vanishes
    meanwhile is left out.
    """
    if scope.only is not None:
        yield from _look_at_one(scope, scope.only, excluded)
        return
    if scope.touched:
        yield from _look_at_touched(scope, excluded)
        return
    folders = [scope.sub]
    while folders:
        folder = folders.pop()
        try:
            names, below, companions = _list(scope, folder)
        except OSError as error:
            if error.errno != ENOENT or folder == scope.sub:
                yield _unwalkable(folder, error, is_folder=True)
            continue
        yield from _look_at(scope, folder, names, companions, excluded)
        for name in reversed(below):
            path = _join(folder, name)
            if path in scope.leave_out or is_passed_over(name) or excluded(path):
                continue
            folders.append(path)


def _look_at_one(scope: Scope, path: str, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
    folder, _, name = path.rpartition("/")
    try:
        _, _, companions = _list(scope, folder)
    except OSError as error:
        if error.errno != ENOENT:
            yield _unwalkable(path, error, is_folder=False)
        return
    yield from _look_at(scope, folder, [name], companions, excluded)


def _look_at_touched(scope: Scope, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
    """Yield those of the touched paths that are there, and what is below them."""
    try:
        with os.scandir(scope.root.location) as entries:
            # The mount point of a disk that is away is an empty folder.
            if next(entries, None) is None:
                raise OSError(ENOENT, "the folder is empty")
    except OSError as error:
        yield _unwalkable("", error, is_folder=True)
        return
    names: dict[str, list[str]] = {}
    for path in scope.touched:
        if os.path.isdir(_absolute(scope, path)):  # noqa: PTH112
            yield from walk(Scope(scope.root, path, leave_out=scope.leave_out), excluded)
        else:
            folder, _, name = path.rpartition("/")
            names.setdefault(folder, []).append(name)
    for folder, found in names.items():
        try:
            _, _, companions = _list(scope, folder)
        except OSError as error:
            if error.errno not in (ENOENT, ENOTDIR):
                yield _unwalkable(folder, error, is_folder=True)
            continue
        yield from _look_at(scope, folder, found, companions, excluded)


def _list(scope: Scope, folder: str) -> tuple[list[str], list[str], Companions]:
    """Return the names of a folder's candidate files and of its sub-folders, each sorted."""
    files, folders, sidecars = [], [], []
    with os.scandir(_absolute(scope, folder)) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112
                log.info(
                    "%s: a link to a folder, not entered; ingest its target by its own path",
                    entry.path,
                )
            elif is_candidate(entry.name):
                files.append(entry.name)
            elif entry.name.lower().endswith(f".{SIDECAR_EXTENSION}"):
                sidecars.append(entry.name)
    files.sort()
    folders.sort()
    return files, folders, Companions(files + sidecars)


def _look_at(
    scope: Scope, folder: str, names: list[str], companions: Companions, excluded: Excluded
) -> Iterator[FoundFile | Unwalkable]:
    for name in names:
        path = _join(folder, name)
        if not is_candidate(name) or is_passed_over(name) or excluded(path):
            continue
        problem = name_problem(path)
        if problem:
            yield problem
            continue
        absolute = _absolute(scope, path)
        try:
            facts = os.lstat(absolute)
            if stat.S_ISLNK(facts.st_mode):
                facts = os.stat(absolute)  # noqa: PTH116
                if _found_by_its_own_name(scope, absolute, excluded):
                    continue
        except OSError as error:
            if error.errno != ENOENT or os.path.islink(absolute):  # noqa: PTH114
                yield _unwalkable(path, error, is_folder=False)
            continue
        if stat.S_ISREG(facts.st_mode):
            developed = companions.developed(name)
            if developed and excluded(_join(folder, developed)):
                developed = ""
            yield FoundFile(
                path,
                facts.st_size,
                facts.st_mtime_ns,
                facts.st_ino,
                *_sidecar(scope, folder, companions.sidecar(name)),
                _join(folder, developed) if developed else "",
            )


def _sidecar(scope: Scope, folder: str, name: str) -> tuple[str, int]:
    """Return a sidecar's path relative to the root and its date; "" and 0 where it is of no use."""
    path = _join(folder, name)
    if not name or name_problem(path):
        return "", 0
    try:
        return path, os.stat(_absolute(scope, path)).st_mtime_ns  # noqa: PTH116
    except OSError:
        return "", 0


def _found_by_its_own_name(scope: Scope, link: str, excluded: Excluded) -> bool:
    """Whether a scan of the root finds the link's target without the link."""
    top = os.path.realpath(scope.root.location).rstrip("/") + "/"
    target = os.path.realpath(link)
    if not target.startswith(top) or not is_candidate(target):
        return False
    parts = target[len(top) :].split("/")
    paths = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    return not any(
        is_passed_over(part) or path in scope.leave_out or excluded(path)
        for part, path in zip(parts, paths, strict=True)
    )


def name_problem(path: str) -> Unwalkable | None:
    """Return what keeps a path from being stored, None if nothing does."""
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        detail = "the name is not UTF-8; rename the file"
        return Unwalkable(path, SkipReason.NAME_NOT_UTF8, detail, is_folder=False)
    if size > MAX_PATH_BYTES:
        detail = (
            f"the path has {size:,} bytes, the limit is {MAX_PATH_BYTES:,}; shorten its folders"
        )
        return Unwalkable(path, SkipReason.PATH_TOO_LONG, detail, is_folder=False)
    return None


def _unwalkable(path: str, error: OSError, *, is_folder: bool) -> Unwalkable:
    if error.errno == ENAMETOOLONG:
        detail = "the path is longer than the system can open; use shorter folder names"
        return Unwalkable(path, SkipReason.PATH_TOO_LONG, detail, is_folder)
    if error.errno in (ENOENT, ELOOP) and not is_folder:
        detail = "a link that leads nowhere; mend or remove it"
    else:
        what = "folder" if is_folder else "file"
        detail = f"the {what} cannot be read ({error.strerror}); check its permissions and disk"
    return Unwalkable(path, SkipReason.UNREADABLE, detail, is_folder)


def _absolute(scope: Scope, path: str) -> str:
    return f"{scope.root.location.rstrip('/')}/{path}" if path else scope.root.location


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
