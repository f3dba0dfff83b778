"""Everything an archive knows of one image."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from shlex import quote
from typing import Any

from eidetic.opening import Opening
from eidetic.results import locate
from eidetic.settings import Settings
from ingest import Entry
from schema import ArchiveError, ImageRecord, Root, load_roots, row_id
from schema.records import first_frame_id

ROW_ID = re.compile("[0-9a-f]{40}")

_PLACE = re.compile(r"(?P<root>[0-9a-f]{16}):(?P<path>.+)")
"""How results name an image whose root has no location here."""


@dataclass(frozen=True, slots=True)
class FileState:
    """The file of an image, as it is at this moment.

    Attributes:
        is_there: ``None`` where its root has no location on this machine, or is no folder.
        is_unchanged: Whether size and date are those of when it was read; ``None`` where it is
            not there or nothing was read.
        size_bytes: ``None`` where it is not there; so with ``mtime_ns``.
    """

    is_there: bool | None
    is_unchanged: bool | None = None
    size_bytes: int | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """One image.

    Attributes:
        path: Where it can be opened, see `eidetic.results.locate`.
        record: Its row, ``None`` if it has none.
        entry: What the journal says of its file, ``None`` if nothing.
        same_content: Other rows of the same bytes.
        same_content_paths: Where those are, in their order.
    """

    path: str
    record: ImageRecord | None
    file: FileState
    entry: Entry | None
    same_content: tuple[ImageRecord, ...]
    same_content_paths: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract; a row's unknown facts are left out."""
        return {
            "id": self.record.id if self.record else None,
            "path": self.path,
            "indexed": self.record is not None,
            "row": _known(self.record) if self.record else None,
            "file": {
                "there": self.file.is_there,
                "unchanged": self.file.is_unchanged,
                "size_bytes": self.file.size_bytes,
                "mtime_ns": self.file.mtime_ns,
            },
            "journal": asdict(self.entry) if self.entry else None,
            "same_content": [
                {"id": record.id, "path": path}
                for record, path in zip(self.same_content, self.same_content_paths, strict=True)
            ],
        }


def show(opening: Opening, which: str) -> Facts:
    """See `eidetic.Archive.show`."""
    store = opening.store()
    known = load_roots(opening.settings.roots_file)
    roots = {root.id: root for root in known}
    with opening.journal() as journal:
        for root, path, wanted in _candidates(opening, which, known):
            ids = (wanted, first_frame_id(root, path))
            records = store.get(ids)
            record = next((records[i] for i in ids if i in records), None)
            entry = journal.find(root, path)
            if record is None and entry is None:
                continue
            same = _same_content(opening, record) if record else ()
            location = roots[root].locate(path) if root in roots else None
            return Facts(
                path=location or f"{root}:{path}",
                record=record,
                file=_look(location, record, entry),
                entry=entry,
                same_content=same,
                same_content_paths=tuple(locate(other, roots) for other in same),
            )
    raise ArchiveError(_unknown(which, opening.settings))


def _candidates(
    opening: Opening, which: str, roots: Sequence[Root]
) -> Iterator[tuple[str, str, str]]:
    """Yield the roots, paths and row ids that a path or an id may mean, the likeliest first."""
    if ROW_ID.fullmatch(which) and not Path(which).exists():
        record = opening.store().get([which]).get(which)
        if record is not None:
            yield record.root, record.path, record.id
        return
    place = _PLACE.fullmatch(which)
    if place:
        yield place["root"], place["path"], row_id(place["root"], place["path"])
    # Symbolic links: a root keeps the path it was named by, a file may be named by another.
    named = os.path.abspath(Path(which).expanduser())  # noqa: PTH100
    folder, name = os.path.split(named)
    real = str(Path(os.path.realpath(folder), name))
    for root in roots:
        real_location = os.path.realpath(root.location)
        for path, location in ((named, root.location), (real, real_location)):
            below = _below(path, location)
            if below:
                yield root.id, below, row_id(root.id, below)
        if not root.is_local and (below := root.below(which)):
            yield root.id, below, row_id(root.id, below)


def _below(path: str, folder: str) -> str:
    """Return the path relative to the folder, "" where it is not in it."""
    prefix = folder.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else ""


def _look(location: str | None, record: ImageRecord | None, entry: Entry | None) -> FileState:
    if location is None or "://" in location:
        return FileState(None)
    try:
        found = Path(location).stat()
    except OSError:
        return FileState(False)
    read = record or entry
    unchanged = None
    if read is not None:
        unchanged = (read.size_bytes, read.mtime_ns) == (found.st_size, found.st_mtime_ns)
    return FileState(True, unchanged, found.st_size, found.st_mtime_ns)


def _same_content(opening: Opening, record: ImageRecord) -> tuple[ImageRecord, ...]:
    same = opening.store().iterate(f'content == "{record.content}"')
    others = [
        other for other in same if other.id != record.id and other.offset_ms == record.offset_ms
    ]
    return tuple(sorted(others, key=lambda other: (other.root, other.path)))


def _known(record: ImageRecord) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    # Not by truth: a latitude, an offset or a rating of 0 is known.
    known = {name: value for name, value in values.items() if value not in (None, "", ())}
    return {n: list(value) if isinstance(value, tuple) else value for n, value in known.items()}


def _unknown(which: str, settings: Settings) -> str:
    told = f"{which}: the archive {settings.archive!r} knows nothing of it; "
    if ROW_ID.fullmatch(which):
        return told + f"ids are shown by: {settings.command} search WORDS --json"
    if not Path(which).expanduser().exists():
        return told + "there is no such file either, so check the spelling"
    return told + f"index it with: {settings.command} ingest {quote(which)}"
