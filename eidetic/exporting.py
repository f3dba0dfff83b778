"""An archive's rows and vectors as a Parquet file."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eidetic.opening import Opening
from embed import find_export, is_on_disk, known_models
from schema import ArchiveMismatch, Embedded, ModelUnavailable, StoreError, UsageError, load_roots
from schema.parquet import Origin, write_rows


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        file: Its absolute path.
        vectors: Whether they are in it.
    """

    archive: str
    file: str
    rows: int
    vectors: bool
    bytes: int
    model: str
    fingerprint: str

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self)


def export_rows(
    opening: Opening, file: Path, *, where: str, vectors: bool, replace: bool
) -> Exported:
    """See `eidetic.Archive.export_rows`."""
    file = Path(os.path.abspath(file.expanduser()))  # noqa: PTH100  # links stay links
    if file.exists() and not (replace and file.is_file()):
        advice = "give another name" if not file.is_file() else "replace it with --yes"
        raise UsageError(f"{file}: is there already; {advice}")
    store = opening.store()
    roots = load_roots(opening.settings.roots_file)
    collection = store.collection
    if vectors and not collection.neutral:
        collection = dataclasses.replace(collection, neutral=_neutral(opening))
    origin = Origin(collection, roots, has_vectors=vectors, where=where)

    def batches() -> Iterator[Sequence[Embedded]]:
        # The file is thrown away where this raises: one that lacks rows must not pass for whole.
        seen = 0
        expected = store.count(where)
        for rows in store.iterate_rows(where):
            seen += len(rows)
            yield rows
        if not min(expected, now := store.count(where)) <= seen <= max(expected, now):
            raise StoreError(
                f"Milvus at {store.connection.uri} gave {seen:,} of {now:,} rows, and nothing was "
                f"exported; look at the archive with: {opening.settings.command} doctor"
            )

    rows = write_rows(file, batches(), origin)
    return Exported(
        archive=opening.settings.archive,
        file=str(file),
        rows=rows,
        vectors=vectors,
        bytes=file.stat().st_size,
        model=store.collection.model,
        fingerprint=store.collection.fingerprint,
    )


def _neutral(opening: Opening) -> str:
    """Return what is neutral to the archive's model, for a server that will load none to import.

    No model is fetched for that: where it is neither prepared for this machine nor one of the
    catalogue that is on its disk, the rows do without.
    """
    spec = opening.store().collection.model
    known = next((model for model in known_models() if model.spec == spec), None)
    is_here = known is not None and (not known.repo or is_on_disk(known.repo))
    if not is_here and find_export(spec) is None:
        return ""
    try:
        return opening.neutral(opening.encoder())
    except (ModelUnavailable, ArchiveMismatch):
        return ""
