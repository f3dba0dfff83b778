"""The bytes of an image's file, wherever its root is: in a folder, on the web, in a packed file.

Ingestion reads through `ingest.sources.choice`, in the order of a listing; this is for the few
files that the archive's owner wants to have, long after, as they are by now. What strangers may see
is for `eidetic.originals` to say.
"""

from contextlib import suppress
from pathlib import Path

from embed.images import MAX_FILE_BYTES
from ingest.filesystems import Filesystem
from ingest.reading import read_file
from ingest.sources.archives import DAMAGE, Container
from ingest.sources.containers import open_container, read_member
from ingest.sources.members import leads_outside
from ingest.sources.remote import RemoteSource
from ingest.walk import FoundFile, Unwalkable
from ingest.worklist import WorkItem
from schema.closing import Closing
from schema.errors import ImageUnreadable, SkipReason
from schema.records import ImageRecord
from schema.roots import Root


class Originals(Closing):
    """Reads the files of rows. What it opens for one is kept for the next, until `close`."""

    def __init__(self) -> None:
        self._remote: dict[Root, RemoteSource] = {}
        self._packed: dict[Root, _Packed] = {}

    def close(self) -> None:
        """Let go of handles and connections; calling it twice is no error."""
        for remote in self._remote.values():
            remote.close()
        for packed in self._packed.values():
            packed.close()
        self._remote.clear()
        self._packed.clear()

    def read(self, record: ImageRecord, root: Root | None) -> bytes:
        """Return the bytes of a row's file, at most `embed.images.MAX_FILE_BYTES` of them.

        Args:
            root: The row's; None where this machine does not know it.

        Raises:
            ImageUnreadable: The file is not there, damaged, too large or not to be read.
            UsageError: Its host is away, or a package is missing.
        """
        if root is None:
            detail = f"its root {record.root} has no location on this machine; ingest it here"
            raise ImageUnreadable(SkipReason.VANISHED, detail)
        if leads_outside(record.path):
            detail = "its path leads out of its root; no file outside of it is read"
            raise ImageUnreadable(SkipReason.OUTSIDE, detail)
        if root.packed[0]:
            return self._of_packed(root).read(record.path)
        item = WorkItem(root, FoundFile(record.path, record.size_bytes, record.mtime_ns, 0))
        if record.view == "frame" and root.is_local:
            return _read_video(item)
        try:
            contents = read_file(item) if root.is_local else self._of_remote(root).read(item)
        except ImageUnreadable as error:
            if error.reason == SkipReason.VANISHED:
                raise _gone() from error
            raise
        if contents.refusal is not None:
            raise contents.refusal
        return contents.data

    def _of_remote(self, root: Root) -> RemoteSource:
        if root not in self._remote:
            self._remote[root] = RemoteSource(root)
        return self._remote[root]

    def _of_packed(self, root: Root) -> "_Packed":
        if root not in self._packed:
            self._packed[root] = _Packed(root)
        return self._packed[root]


class _Packed:
    """A packed file, opened and listed by the first member that is asked for."""

    def __init__(self, root: Root) -> None:
        self._kind, self._place = root.packed
        self._container: Container | None = None
        self._sizes: dict[str, int] = {}

    def read(self, path: str) -> bytes:
        if self._container is None:
            self._container = self._open()
        if path not in self._sizes:
            raise _gone()
        if self._sizes[path] > MAX_FILE_BYTES:
            detail = f"the member has {self._sizes[path]:,} bytes, the limit is {MAX_FILE_BYTES:,}"
            raise ImageUnreadable(SkipReason.TOO_LARGE, f"{detail}; unpack it by other means")
        return read_member(self._container, path)[0]

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _open(self) -> Container:
        filesystem = Filesystem(self._place) if "://" in self._place else None
        try:
            container = open_container(self._kind, self._place, filesystem)
        except FileNotFoundError as error:
            raise _gone() from error
        except DAMAGE as error:
            detail = f"the packed file cannot be opened ({error}); fetch or pack it again"
            raise ImageUnreadable(SkipReason.UNREADABLE, detail) from error
        finally:
            if filesystem is not None:
                filesystem.close()
        # What stands before a damage can be read all the same.
        with suppress(*DAMAGE):
            for member in container.members():
                if not isinstance(member, Unwalkable):
                    self._sizes[member.path] = member.size_bytes
        return container


def _read_video(item: WorkItem) -> bytes:
    try:
        with Path(item.location).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _gone() from error
    if len(data) > MAX_FILE_BYTES:
        raise ImageUnreadable(
            SkipReason.TOO_LARGE,
            f"the video has more than {MAX_FILE_BYTES:,} bytes, too many to be held at once; copy "
            "or link the file itself",
        )
    return data


def _gone() -> ImageUnreadable:
    detail = (
        "there is no such file any more; ingest its root again, so that its row goes or follows"
    )
    return ImageUnreadable(SkipReason.VANISHED, detail)
