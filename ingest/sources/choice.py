"""Which source a root is: the one place through which a run lists files and reads bytes."""

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from ingest.journal import Journal
from ingest.names import Excluded
from ingest.reading import FileContents
from ingest.scopes import Scope
from ingest.sources.local import LocalSource
from ingest.sources.packed import PackedSource
from ingest.sources.remote import RemoteSource
from ingest.walk import FoundFile, Unwalkable
from ingest.worklist import WorkItem
from schema.roots import Root


class Source(Protocol):
    """One root as a run sees it. `read` is called from many threads."""

    def walk(self, scope: Scope, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
        """Yield the files of a scope that may be images, and whatever could not be looked at.

        An entry whose size, date and inode are those of an earlier scan holds the same bytes; the
        inode may be any number that changes with the content.

        Raises:
            UsageError: The source is away: nothing is known of any of its files.
        """
        ...

    def read(self, item: WorkItem) -> FileContents:
        """Return the bytes of a file that `walk` found.

        Raises:
            ImageUnreadable: The file is gone, damaged, too large or not to be read.
            UsageError: The source is away.
        """
        ...

    def close(self) -> None:
        """Let go of handles, connections and temporary copies."""
        ...


class Sources:
    """The sources of one run, each opened when it is first needed."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._open: dict[Root, Source] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for source in self._open.values():
            source.close()
        self._open.clear()

    def walk(self, scope: Scope, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
        """See `Source.walk`."""
        return self._of(scope.root).walk(scope, excluded)

    def read(self, item: WorkItem) -> FileContents:
        """See `Source.read`."""
        return self._of(item.root).read(item)

    def _of(self, root: Root) -> Source:
        with self._lock:
            source = self._open.get(root)
            if source is None:
                source = self._open[root] = self._choose(root)
        return source

    def _choose(self, root: Root) -> Source:
        if root.is_local:
            return LocalSource()
        if root.packed[0]:
            return PackedSource(root, self._journal)
        return RemoteSource(root)
