"""Packed files: zip, tar and parquet, on this machine or behind a URL.

A packed file that is as it was is not opened: its listing is what the journal says of it, provided
that the last complete listing and the journal agree member by member.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass

from embed.images import MAX_FILE_BYTES
from ingest.companions import Companions
from ingest.entries import RACY_NS, Entry
from ingest.filesystems import Filesystem, marker_of
from ingest.journal import Journal
from ingest.names import Excluded
from ingest.reading import MAX_SIDECAR_BYTES, FileContents
from ingest.scan import is_unchanged
from ingest.scopes import Scope
from ingest.sources.archives import DAMAGE, Container
from ingest.sources.captions import MAX_CAPTION_BYTES, is_caption, key_of, read_captions
from ingest.sources.containers import local_copy, open_container, read_member
from ingest.sources.members import Member, file_facts, sort_out, within
from ingest.sources.table import CaptionTable
from ingest.walk import FoundFile, Unwalkable
from ingest.worklist import WorkItem
from schema.errors import ImageUnreadable, SkipReason, UsageError
from schema.roots import Root


@dataclass(frozen=True, slots=True)
class _State:
    """A packed file, and the table beside it, as they were when they were listed.

    Attributes:
        seen_ns: When they were looked at; 0 if so long after their last change that their dates
            tell every later one.
    """

    size_bytes: int
    mtime_ns: int
    marker: int
    seen_ns: int


class PackedSource:
    """A root that is one file. Its listing is kept in memory, some 500 bytes a member."""

    def __init__(self, root: Root, journal: Journal) -> None:
        self._root = root
        self._journal = journal
        self._kind, self._place = root.packed
        self._filesystem = Filesystem(self._place) if "://" in self._place else None
        self._container: Container | None = None
        self._members: dict[str, Member] = {}
        self._captions: dict[str, list[Member]] = {}
        self._table: CaptionTable | None = None
        self._lock = threading.Lock()

    def walk(self, scope: Scope, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
        """Yield the members that may be images, in the order of the file."""
        try:
            state = self._look()
        except ConnectionError as error:
            raise self._is_away(error) from error
        except OSError as error:
            yield self._unlisted(SkipReason.UNREADABLE, str(error.strerror))
            return
        for found in self._remembered() if self._is_as_listed(state) else self._list(state):
            kept = within(found, scope, excluded) if found.path else found
            if kept:
                yield kept

    def read(self, item: WorkItem) -> FileContents:
        if item.file.size_bytes > MAX_FILE_BYTES:
            raise ImageUnreadable(
                SkipReason.TOO_LARGE,
                f"the member has {item.file.size_bytes:,} bytes, the limit is {MAX_FILE_BYTES:,}; "
                "save the image smaller",
            )
        read_ns = time.time_ns()
        data, captions = self._read(item.file.path)
        found = dict.fromkeys([*captions, *self._captions_of(item.file.path)])
        facts = file_facts(item, data, read_ns, found)
        return FileContents(facts, data, self._sidecar(item.file.sidecar))

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._filesystem is not None:
            self._filesystem.close()

    def _look(self) -> _State:
        now = time.time_ns()
        size, mtime_ns, marker = self._facts(self._place)
        with suppress(FileNotFoundError):
            beside = self._facts(self._beside) if self._beside else None
            marker = marker_of(marker, beside) if beside else marker
        is_racy = abs(now - mtime_ns) < RACY_NS
        return _State(size, mtime_ns, marker, now if is_racy else 0)

    def _facts(self, place: str) -> tuple[int, int, int]:
        if self._filesystem is None:
            found = os.stat(place)  # noqa: PTH116
            return found.st_size, found.st_mtime_ns, found.st_ino
        facts = self._filesystem.look_at(place)
        marker = facts.marker
        if not marker and not (facts.mtime_ns and facts.size_bytes is not None):
            # The host says nothing that would tell a changed file.
            marker = time.time_ns()
        return facts.size_bytes or 0, facts.mtime_ns, marker

    @property
    def _beside(self) -> str:
        """Place of the table of captions that img2dataset writes beside a shard."""
        stem, is_tar, _ = self._place.rpartition(".tar")
        return f"{stem}.parquet" if self._kind == "tar" and is_tar else ""

    def _is_as_listed(self, state: _State) -> bool:
        """Whether a listing would find what the journal says, all of it and nothing else."""
        noted = self._journal.noted(f"listed:{self._root.id}")
        if not noted or state.seen_ns:
            return False
        was, scan, count = json.loads(noted)
        if was != list(astuple(state)):
            return False
        entries = 0
        for entry in self._journal.known(self._root.id):
            entries += 1
            # A negative size says that a row may be gone, see `Journal.doubt`.
            if (
                entry.size_bytes < 0
                or entry.scan < scan
                or not is_unchanged(entry, _as_found(entry))
            ):
                return False
        return bool(entries == count)

    def _remembered(self) -> Iterator[FoundFile | Unwalkable]:
        return map(_as_found, self._journal.known(self._root.id))

    def _list(self, state: _State) -> Iterator[FoundFile | Unwalkable]:
        """Open the file, and note its state once all of it has been listed."""
        refused: dict[str, Unwalkable] = {}
        is_whole = True
        try:
            for member in self._open(state).members():
                if isinstance(member, Unwalkable):
                    refused[member.path] = member
                else:
                    # Of two members of one path the later is what unpacking would leave.
                    self._members.pop(member.path, None)
                    self._members[member.path] = member
        except ConnectionError as error:
            raise self._is_away(error) from error
        except DAMAGE as error:
            # What was listed before the damage is used, and nothing is said of the rest.
            yield self._unlisted(SkipReason.TRUNCATED, str(error) or type(error).__name__)
            is_whole = False
        count = 0
        for found in [*refused.values(), *self._sorted_out()]:
            count += 1
            yield found
        if is_whole:
            noted = json.dumps([astuple(state), self._journal.scan_number, count])
            self._journal.note(f"listed:{self._root.id}", noted)

    def _sorted_out(self) -> Iterator[FoundFile | Unwalkable]:
        names: dict[str, list[str]] = {}
        for path, member in self._members.items():
            folder, _, name = path.rpartition("/")
            names.setdefault(folder, []).append(name)
            if is_caption(path) and self._kind != "parquet":
                self._captions.setdefault(key_of(path), []).append(member)
        companions = {folder: Companions(found) for folder, found in names.items()}
        is_image = self._kind == "parquet"
        for path, member in self._members.items():
            if is_caption(path) and not is_image:
                continue
            captions = self._captions.get(key_of(path), ())
            found = sort_out(
                member,
                companions[path.rpartition("/")[0]],
                self._members,
                captions,
                is_image=is_image,
            )
            if found:
                yield found

    def _open(self, state: _State) -> Container:
        marker = marker_of(*astuple(state))
        self._container = open_container(self._kind, self._place, self._filesystem, marker)
        return self._container

    def _read(self, path: str) -> tuple[bytes, tuple[str, ...]]:
        if self._container is None:
            detail = "the packed file was not listed in this run; ingest again"
            raise ImageUnreadable(SkipReason.UNREADABLE, detail)
        return read_member(self._container, path)

    def _captions_of(self, path: str) -> tuple[str, ...]:
        beside = [
            member
            for member in self._captions.get(key_of(path), ())
            if member.path != path and member.size_bytes <= MAX_CAPTION_BYTES
        ]
        found: list[str] = []
        for member in beside:
            # A text that cannot be read costs its words, not the image.
            with suppress(ImageUnreadable):
                found += read_captions(member.path, self._read(member.path)[0])
        return tuple(found or self._captions_beside(path))

    def _captions_beside(self, path: str) -> tuple[str, ...]:
        with self._lock:
            if self._table is None:
                self._table = self._open_table()
            return self._table.captions(key_of(path))

    def _open_table(self) -> CaptionTable:
        if not self._beside:
            return CaptionTable({})
        try:
            with local_copy(self._beside, self._filesystem) as path:
                return CaptionTable.load(path, self._beside)
        except OSError:
            return CaptionTable({})

    def _sidecar(self, path: str) -> bytes:
        if not path or self._members[path].size_bytes > MAX_SIDECAR_BYTES:
            return b""
        try:
            return self._read(path)[0]
        except ImageUnreadable:
            return b""

    def _unlisted(self, reason: SkipReason, said: str) -> Unwalkable:
        detail = f"not all of the packed file can be listed ({said}); fetch or pack it again"
        return Unwalkable("", reason, detail, is_folder=True)

    def _is_away(self, error: ConnectionError) -> UsageError:
        return UsageError(
            f"{self._place}: {error.strerror}; check the address and the network, and run it "
            "again; nothing was removed"
        )


def _as_found(entry: Entry) -> FoundFile:
    """Return a file as a listing would find it if nothing had changed since it was entered."""
    return FoundFile(
        entry.path,
        entry.size_bytes,
        entry.mtime_ns,
        entry.inode,
        sidecar_ns=entry.sidecar_ns,
        developed="developed" if entry.reason == SkipReason.DEVELOPED else "",
    )
