"""The rows of files: one of an image, as many as it has frames of a video."""

from collections.abc import Iterable, Sequence
from itertools import islice

from ingest.entries import Entry
from schema.filters import AnyOf, OfFile
from schema.records import ImageRecord
from schema.store import Store

FILES_PER_QUESTION = 20
"""Bounds the expression that a store is asked with."""


def rows_of_file(store: Store, root: str, path: str) -> list[ImageRecord]:
    """Return all rows of a file."""
    return list(store.iterate(filters=[OfFile(root, path)]))


def row_ids(store: Store, entries: Iterable[Entry]) -> list[str]:
    """Return the ids of all rows of indexed files; the store is asked only where there are videos.

    Args:
        entries: What the journal says of the files.
    """
    known = list(entries)
    videos = iter([entry for entry in known if entry.is_video])
    found = [entry.row_id for entry in known if not entry.is_video]
    while step := list(islice(videos, FILES_PER_QUESTION)):
        found += _ids(store, step)
    return found


def _ids(store: Store, videos: Sequence[Entry]) -> list[str]:
    files = AnyOf(tuple(OfFile(entry.root, entry.path) for entry in videos))
    return [record.id for record in store.iterate(filters=[files])]
