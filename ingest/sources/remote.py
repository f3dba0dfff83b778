"""Buckets, and whatever else fsspec opens by URL; web pages are `ingest.sources.web`'s."""

import threading
import time
from collections.abc import Iterator

from embed.images import MAX_FILE_BYTES
from ingest.companions import SIDECAR_EXTENSION, Companions
from ingest.filesystems import Facts, Filesystem
from ingest.names import Excluded, is_image_candidate, is_passed_over
from ingest.reading import MAX_SIDECAR_BYTES, FileContents
from ingest.scopes import Scope
from ingest.sources.members import Member, file_facts, sort_out, within
from ingest.sources.web import look_at_pages
from ingest.walk import FoundFile, Unwalkable
from ingest.worklist import WorkItem
from schema.errors import ImageUnreadable, SkipReason, UsageError
from schema.roots import Root

PATIENCE = 8
"""Files in a row that the host did not give although it was asked `filesystems.TRIES` times each:
so many end the run, because the host is away and the rest would only take hours to say so."""


class RemoteSource:
    """A root behind a URL."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._filesystem = Filesystem(root.location)
        self._lock = threading.Lock()
        self._failures = 0

    def walk(self, scope: Scope, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
        """Yield per folder its files by name, then its sub-folders by name, as a local walk does.

        A folder costs one listing; over HTTP, each image one more question, sixteen at a time.
        """
        is_web = self._root.location.startswith(("http://", "https://"))
        listed = look_at_pages(self._root, self._filesystem, scope) if is_web else self._list(scope)
        for found in listed:
            if isinstance(found, Unwalkable):
                kept: FoundFile | Unwalkable | None = found
                if not found.is_folder:
                    kept = within(found, scope, excluded)
                if kept:
                    yield kept
                continue
            folder, facts = found
            yield from _files(folder, facts, scope, excluded)

    def _list(self, scope: Scope) -> Iterator["tuple[str, list[Facts]] | Unwalkable"]:
        if scope.only is not None:
            yield from self._list_one(scope.only)
            return
        folders = [scope.sub]
        while folders:
            folder = folders.pop()
            try:
                entries = self._filesystem.list(self._root.locate(folder))
            except ConnectionError as error:
                raise _is_away(self._root.locate(folder), error) from error
            except OSError as error:
                yield unlisted(folder, error)
                continue
            yield folder, [entry for entry in entries if not entry.is_folder]
            below = [f"{folder}/{e.name}" if folder else e.name for e in entries if e.is_folder]
            folders += [f for f in reversed(below) if not is_passed_over(f.rpartition("/")[2])]

    def _list_one(self, path: str) -> Iterator["tuple[str, list[Facts]] | Unwalkable"]:
        # A listing would find the sidecar too, and a million neighbours.
        stem = path.rpartition(".")[0]
        endings = (path, f"{path}.{SIDECAR_EXTENSION}", f"{stem}.{SIDECAR_EXTENSION}")
        found = []
        for wanted in endings:
            try:
                found.append(self._filesystem.look_at(self._root.locate(wanted)))
            except FileNotFoundError:
                continue
            except ConnectionError as error:
                raise _is_away(self._root.locate(wanted), error) from error
            except OSError as error:
                if wanted == path:
                    yield unlisted(path, error, is_folder=False)
                    return
        yield path.rpartition("/")[0], [entry for entry in found if not entry.is_folder]

    def read(self, item: WorkItem) -> FileContents:
        read_ns = time.time_ns()
        data = self._read(item.location, item.file.size_bytes, MAX_FILE_BYTES)
        if len(data) > MAX_FILE_BYTES:
            raise _too_large(f"more than {MAX_FILE_BYTES:,}")
        return FileContents(file_facts(item, data, read_ns), data, self._sidecar(item))

    def close(self) -> None:
        self._filesystem.close()

    def _read(self, url: str, size_bytes: int, limit: int) -> bytes:
        if size_bytes > limit:
            raise _too_large(f"{size_bytes:,}")
        try:
            data = self._filesystem.read(url, limit)
        except FileNotFoundError as error:
            detail = "the file vanished between the scan and its reading; ingest again"
            raise ImageUnreadable(SkipReason.VANISHED, detail) from error
        except ConnectionError as error:
            self._count_failure(url, error)
            detail = f"{error.strerror}; ingest again when the host is back"
            raise ImageUnreadable(SkipReason.UNREADABLE, detail) from error
        except OSError as error:
            detail = f"the file cannot be read ({error.strerror}); check access to it"
            raise ImageUnreadable(SkipReason.UNREADABLE, detail) from error
        with self._lock:
            self._failures = 0
        return data

    def _count_failure(self, url: str, error: ConnectionError) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= PATIENCE:
                raise _is_away(url, error) from error

    def _sidecar(self, item: WorkItem) -> bytes:
        """Return the sidecar's bytes; one that cannot be read costs its metadata, not the image."""
        if not item.file.sidecar:
            return b""
        try:
            data = self._filesystem.read(item.sidecar_location, MAX_SIDECAR_BYTES)
        except OSError:
            return b""
        return data if len(data) <= MAX_SIDECAR_BYTES else b""


def unlisted(path: str, error: OSError, *, is_folder: bool = True) -> Unwalkable:
    """Return what a scan tells of a folder that its host would not list."""
    what = "folder" if is_folder else "file"
    detail = f"the {what} cannot be looked at ({error.strerror}); check access to it"
    return Unwalkable(path, SkipReason.UNREADABLE, detail, is_folder)


def _files(
    folder: str, facts: list[Facts], scope: Scope, excluded: Excluded
) -> Iterator[FoundFile | Unwalkable]:
    names = [f.name for f in facts if is_image_candidate(f.name) or _is_sidecar(f.name)]
    companions = Companions(names)
    members = {m.path: m for f in facts for m in [_member(folder, f)]}
    for member in members.values():
        found = sort_out(member, companions, members, is_image=member.path == scope.only)
        kept = within(found, scope, excluded) if found else None
        if kept:
            yield kept


def _is_sidecar(name: str) -> bool:
    return name.lower().endswith(f".{SIDECAR_EXTENSION}")


def _member(folder: str, facts: Facts) -> Member:
    path = f"{folder}/{facts.name}" if folder else facts.name
    marker = facts.marker
    if not marker and not (facts.mtime_ns and facts.size_bytes is not None):
        # The host says nothing that would tell a changed file: the file is read at every run.
        marker = time.time_ns()
    return Member(path, facts.size_bytes or 0, facts.mtime_ns, marker)


def _too_large(size: str) -> ImageUnreadable:
    detail = f"the file has {size} bytes, the limit is {MAX_FILE_BYTES:,}; save the image smaller"
    return ImageUnreadable(SkipReason.TOO_LARGE, detail)


def _is_away(url: str, error: ConnectionError) -> UsageError:
    return UsageError(
        f"{url}: {error.strerror}; check the address and the network, and run it again: what was "
        "written stays, and nothing was removed"
    )
