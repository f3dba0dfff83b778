"""Commands that put images into an archive."""

import logging
import os
import sys
from collections import Counter
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from eidetic.cli.options import open_archive, options
from eidetic.cli.output import print_facts, print_hits, print_json
from eidetic.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eidetic.archive import Archive
    from ingest import IngestReport

SKIPS_SHOWN = 10
"""Skipped files listed at the terminal; --json lists all of them."""


def ingest(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Folders, images, packed files, URLs.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="Model of a new archive, see `eidetic models`. \\[env: EIDETIC_MODEL]",
            metavar="SPEC",
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(
            help="Index of a new archive: hnsw, ivf_sq8, flat, diskann. \\[env: EIDETIC_INDEX]",
            metavar="PROFILE",
        ),
    ] = None,
    vectors: Annotated[
        str | None,
        typer.Option(
            help="Vectors of a new archive: float32, float16. \\[env: EIDETIC_VECTORS]",
            metavar="PRECISION",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    no_prune: Annotated[
        bool, typer.Option("--no-prune", help="Keep the rows of files that are gone.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Drop rows even where most of a root's files are gone.")
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out what matches this pattern; may be repeated.", metavar="GLOB"),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then follow the folders until Ctrl-C.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Threads that decode, by default one per core; on Ray, workers that embed.", min=1
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images per call of the encoder; by default 32.", min=1)
    ] = None,
    runner: Annotated[
        str | None,
        typer.Option(
            help="Who reads and embeds: local, or ray for a cluster. \\[env: EIDETIC_RUNNER]",
            metavar="local|ray",
        ),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="Head of the Ray cluster; by default that of RAY_ADDRESS, or this machine alone. "
            "\\[env: EIDETIC_RAY_ADDRESS]",
            metavar="HOST:PORT",
        ),
    ] = None,
) -> None:
    """Index what is new or changed in folders, buckets or packed files, and drop what is gone.

    Running it again embeds nothing that is already there. Ctrl-C keeps what was written.

    Examples:
        eidetic ingest ~/Pictures

        eidetic ingest ~/Pictures --model builtin

        eidetic --archive work ingest /mnt/scans --dry-run

        eidetic ingest ~/Pictures --watch

        eidetic ingest s3://bucket/scans shards/00000.tar old-images.zip

        eidetic --uri http://milvus:19530 ingest /mnt/scans --runner ray --ray-address head:6379

        eidetic --uri http://milvus:19530 ingest /mnt/scans --index ivf_sq8
    """
    from eidetic.cli.progress import Bar
    from ingest import DEFAULT_BATCH_SIZE, IngestInterrupted, PruneRefused
    from schema import UsageError

    if watch and dry_run:
        raise UsageError("--watch and --dry-run: to watch is to write; leave one of them out")
    if watch and runner == "ray":
        raise UsageError(
            "--watch and --runner ray: changes are few, and followed on this machine; ingest once "
            "with --runner ray, then again with --watch"
        )
    if ray_address and runner == "local":
        raise UsageError("--ray-address and --runner local: leave one of them out")
    with open_archive(context, model=model, index=index, vectors=vectors) as archive:
        shown = sys.stderr.isatty() and not options(context).quiet
        if (runner or archive.settings.runner) == "ray":
            _quieten_ray()
        if watch:
            with Bar(shown=shown) as progress:
                reports = archive.watch(
                    paths,
                    workers=workers,
                    batch_size=batch_size or DEFAULT_BATCH_SIZE,
                    prune=not no_prune,
                    allow_mass_prune=yes,
                    exclude=exclude or (),
                    progress=progress,
                )
                _show_until_interrupted(context, archive, reports)
            return
        try:
            with Bar(shown=shown) as progress:
                report = archive.ingest(
                    paths,
                    workers=workers,
                    batch_size=batch_size or DEFAULT_BATCH_SIZE,
                    prune=not no_prune,
                    allow_mass_prune=yes,
                    dry_run=dry_run,
                    exclude=exclude or (),
                    progress=progress,
                    runner=runner or "",
                    ray_address=ray_address or "",
                )
        except IngestInterrupted as interrupted:
            _show(context, archive, interrupted.report, dry_run=dry_run)
            typer.echo("interrupted; what was written stays, run it again to go on", err=True)
            raise typer.Exit(130) from interrupted
        except PruneRefused as refused:
            _show(context, archive, refused.report, dry_run=dry_run)
            raise
        _show(context, archive, report, dry_run=dry_run)


def demo(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(help="Images to use; by default those that come with some Python packages."),
    ] = None,
) -> None:
    """Make a small archive with the built-in model and search it; no network is needed.

    Example:
        eidetic demo
    """
    from eidetic import demo as story
    from eidetic.cli.progress import Bar
    from schema import UsageError

    given = options(context)
    if given.archive is not None or given.uri is not None:
        raise UsageError(
            "the demo makes an archive of its own, 'demo', in the embedded store, and takes "
            "neither --archive nor --uri; leave them out, or choose the folder with --data-dir"
        )
    with story.open_demo(data_dir=given.data_dir) as archive:
        images = story.find_images(archive, folder)
        typer.echo(
            f"$ eidetic --archive demo ingest {quote(str(images))} --model builtin",
            err=given.json,
        )
        with Bar(shown=sys.stderr.isatty() and not given.quiet) as progress:
            report = archive.ingest([images], progress=progress)
        _show(context, archive, report, dry_run=False)
        for command, hits in story.questions(archive, images):
            typer.echo(f"\n$ eidetic --archive demo {command}", err=given.json)
            print_hits(hits, json=given.json, paths=False, null=False)


def _quieten_ray() -> None:
    """Keep from the terminal what Ray and gRPC write there past Python's logging, unless asked."""
    if not logging.getLogger("ingest").isEnabledFor(logging.DEBUG):
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def _show_until_interrupted(
    context: typer.Context, archive: "Archive", reports: "Iterator[IngestReport]"
) -> None:
    """Print a report a batch, and after Ctrl-C the sums of them all."""
    from ingest import IngestInterrupted

    sums = dict.fromkeys(("indexed", "moved", "removed"), 0)
    batches = -1
    try:
        for batches, report in enumerate(reports):
            _add(sums, report)
            if options(context).json:
                print_json(archive.report_as_dict(report), line=True)
                sys.stdout.flush()
                continue
            if batches:
                said = ", ".join(f"{getattr(report, name):,} {name}" for name in (*sums, "skipped"))
                typer.echo(said)
                _show_skips(report)
            else:
                _show(context, archive, report, dry_run=False)
                typer.echo("watching for changes; Ctrl-C ends it", err=True)
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt, IngestInterrupted):
            _add(sums, interrupt.report)
        said = ", ".join(f"{count:,} {name}" for name, count in sums.items())
        typer.echo(f"ended; in all {said}, in {max(batches, 0):,} batches of changes", err=True)
        raise typer.Exit(130) from interrupt


def _add(sums: dict[str, int], report: "IngestReport") -> None:
    for name in sums:
        sums[name] += getattr(report, name)


def _show(
    context: typer.Context, archive: "Archive", report: "IngestReport", *, dry_run: bool
) -> None:
    if options(context).json:
        print_json(archive.report_as_dict(report))
        return
    facts = report.as_dict()
    would = "would be " if dry_run else ""
    names = ("scanned", "indexed", "unchanged", "moved", "removed", "skipped")
    print_facts((name if name == "scanned" else would + name, f"{facts[name]:,}") for name in names)
    if report.frames and not dry_run:
        typer.echo(f"{report.frames:,} frames of videos were written", err=True)
    if report.cut_values:
        typer.echo(f"{report.cut_values:,} metadata values were cut to fit", err=True)
    if report.malformed_values:
        count = f"{report.malformed_values:,} metadata values"
        typer.echo(f"{count} cannot be used and were left out", err=True)
    if report.indexed and not dry_run:
        typer.echo(f"{report.seconds:.1f} s, {report.images_per_second:.1f} images a second")
    _show_skips(report)


def _show_skips(report: "IngestReport") -> None:
    """Name the first skipped files, and count all of them by reason.

    RAW files that their developed image stands for are counted only: nothing is wrong with them.
    """
    from schema import SkipReason

    named = [skip for skip in report.skips if skip.reason is not SkipReason.DEVELOPED]
    for skip in named[:SKIPS_SHOWN]:
        typer.echo(f"skipped {printable(skip.path)}: {skip.reason}: {skip.detail}", err=True)
    if len(report.skips) > min(len(named), SKIPS_SHOWN):
        counts = Counter(skip.reason.value for skip in report.skips).most_common()
        by_reason = ", ".join(f"{count:,} {reason}" for reason, count in counts)
        typer.echo(f"skipped in all: {by_reason}; --json lists each", err=True)
