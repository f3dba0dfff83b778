"""One run of ingestion, from scopes to a report.

    scan -> [read, hash, decode, prepare] -> encode -> [write, journal] -> prune
             threads and processes         caller's    writer's thread
                                           thread
             or machines of a cluster (`ingest.runner`)

A file that cannot be used is counted and named, and nothing else. An encoder or a store that fails
ends the run with its error. However a run ends, all its threads and processes have ended with it,
what the store had acknowledged is in the journal, and running again goes on from there.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from embed.encoder import Encoder
from embed.images import default_max_pixels
from ingest.defaults import DEFAULT_BATCH_SIZE
from ingest.indexer import index
from ingest.journal import Journal
from ingest.names import compile_excluded
from ingest.prune import prune as remove_gone
from ingest.rehearsal import IdleEncoder, ReadOnlyStore
from ingest.report import (
    IngestInterrupted,
    IngestReport,
    NoProgress,
    NothingUsable,
    Progress,
    PruneRefused,
    Tally,
)
from ingest.runner import LocalRunner, Runner, Task
from ingest.scan import only_known, scan
from ingest.scopes import Scope
from ingest.sources import Sources
from ingest.worklist import Worklist
from schema.errors import UsageError
from schema.store import Store


def ingest(
    scopes: Sequence[Scope],
    *,
    store: Store,
    encoder: Encoder,
    journal: Journal,
    workers: int | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    prune: bool = True,
    allow_mass_prune: bool = False,
    dry_run: bool = False,
    exclude: Iterable[str] = (),
    among: Journal | None = None,
    max_pixels: int | None = None,
    progress: Progress | None = None,
    runner: Runner | None = None,
    upgrade: Callable[[Encoder, int], Encoder] | None = None,
) -> IngestReport:
    """Bring an archive up to date with the files of the scopes.

    Args:
        scopes: See `ingest.scopes.plan_scopes`.
        workers: See the runner; None for its default.
        batch_size: Images per call of the encoder.
        prune: Whether rows are removed whose files are gone.
        allow_mass_prune: Whether that may be more than half of a root's rows.
        dry_run: Whether to embed and write nothing, and only report what would be.
        exclude: Shell patterns, see `ingest.names.compile_excluded`; rows of excluded files are
            removed like those of files that are gone.
        among: The journal of another collection: files that it does not know are passed over, so
            that this one comes to hold the same files and no others. ``None`` for all files.
        max_pixels: Limit of `embed.images.decode_image`; None for what the memory allows.
        runner: Where files are read and images embedded; None for this machine.
        upgrade: Asked, once it is known how many files are to be read, for the encoder to read them
            with, in place of ``encoder``; one of the same model.

    Raises:
        IngestInterrupted: Ctrl-C; carries the report so far.
        PruneRefused: All was done, but more than half of a root's images have gone.
        NothingUsable: The scopes hold no image that is or could be indexed.
        EideticError: No decoding process can be started.
        StoreError: The store failed; so with `StoreUnreachable`.
        ArchiveError: The journal cannot be used.
    """
    if (workers is not None and workers < 1) or batch_size < 1:
        raise UsageError(
            f"workers={workers}, batch size {batch_size}: both must be at least 1; leave them out "
            "for the defaults"
        )
    max_pixels = default_max_pixels() if max_pixels is None else max_pixels
    excluded = compile_excluded(exclude)
    progress = progress or NoProgress()
    if dry_run:
        store, encoder, journal = ReadOnlyStore(store), IdleEncoder(encoder), journal.rehearse()
    tally = Tally()
    began = time.monotonic()
    refusals: list[str] = []
    try:
        if journal.needs_rebuild:
            journal.rebuild(store.iterate())
        number = journal.begin_scan()
        with Worklist() as work, Sources(journal) as sources:
            scan(
                scopes,
                number,
                walk=sources.walk if among is None else only_known(sources.walk, among),
                excluded=excluded,
                journal=journal,
                work=work,
                tally=tally,
                progress=progress,
            )
            if upgrade is not None and not dry_run:
                encoder = upgrade(encoder, len(work))
            progress.start(len(work))
            index(
                work,
                number,
                runner=runner or LocalRunner(),
                task=Task(encoder, journal, sources.read, workers, batch_size, max_pixels, dry_run),
                store=store,
                tally=tally,
                progress=progress,
            )
        if prune:
            refusals = remove_gone(
                scopes,
                number,
                store=store,
                journal=journal,
                tally=tally,
                allow_mass=allow_mass_prune,
            )
    except KeyboardInterrupt as interrupt:
        raise IngestInterrupted(tally.report(time.monotonic() - began)) from interrupt
    finally:
        if dry_run:
            journal.close()
    report = tally.report(time.monotonic() - began)
    if refusals:
        raise PruneRefused("\n".join(refusals), report)
    if not (report.indexed or report.unchanged or report.moved or report.removed):
        raise NothingUsable(_nothing_usable(scopes, report), report)
    return report


def _nothing_usable(scopes: Sequence[Scope], report: IngestReport) -> str:
    places = ", ".join(scope.location for scope in scopes)
    if not report.skips:
        return (
            f"{places}: no file that may be an image; give a folder with images (hidden files, "
            "documents, sound and the like are passed over)"
        )
    first = report.skips[0]
    return (
        f"{places}: none of the {report.skipped:,} images found can be used; the first is "
        f"{first.path}: {first.reason.value}: {first.detail}"
    )
