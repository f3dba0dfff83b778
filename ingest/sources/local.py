"""Folders of this machine."""

from collections.abc import Iterator

from ingest.names import Excluded
from ingest.reading import FileContents, read_file
from ingest.scopes import Scope
from ingest.walk import FoundFile, Unwalkable, walk
from ingest.worklist import WorkItem


class LocalSource:
    """A folder. It keeps nothing open."""

    def walk(self, scope: Scope, excluded: Excluded) -> Iterator[FoundFile | Unwalkable]:
        return walk(scope, excluded)

    def read(self, item: WorkItem) -> FileContents:
        return read_file(item)

    def close(self) -> None:
        pass
