"""Ingesting and then following folders, with store, model and journal open throughout."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from os import PathLike
from threading import Event
from typing import Any

from eidetic.opening import Opening
from eidetic.roots import adopting
from ingest import IngestReport, Progress, follow, plan_scopes, require_local
from schema import ArchiveMismatch, load_roots


def watch(
    opening: Opening,
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    ingest: Callable[..., IngestReport],
    stop: Event | None,
    *,
    exclude: Sequence[str],
    progress: Progress | None,
) -> Iterator[IngestReport]:
    """See `eidetic.Archive.watch`.

    Args:
        ingest: `ingest.ingest` with all its options but what is open.
    """
    named = [paths] if isinstance(paths, str | PathLike) else paths
    scopes = plan_scopes(named, load_roots(opening.settings.roots_file))
    require_local(scopes)
    with opening.writing("ingest --watch"):
        store, _ = opening.store_or_new()
    encoder = opening.encoder()
    with adopting(opening, scopes), opening.journal() as journal:

        def run(*args: Any, progress: Progress | None = None, **options: Any) -> IngestReport:
            # Between two batches others may write.
            with opening.writing("ingest --watch", wait_s=inf) as turn:
                if opening.store() is not store:
                    raise ArchiveMismatch(
                        f"the archive {opening.settings.archive!r} has been migrated to "
                        f"{opening.store().collection.model}, and what this run has open is of the "
                        "collection before; start it again"
                    )
                return ingest(
                    *args,
                    store=store,
                    encoder=encoder,
                    journal=journal,
                    progress=turn.beside(progress),
                    **options,
                )

        yield from follow(scopes, run, stop=stop or Event(), exclude=exclude, progress=progress)
