"""Commands that carry an archive's rows to another machine, model or version."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eidetic.cli.options import open_archive, options
from eidetic.cli.output import human_bytes, print_facts, print_json
from eidetic.printable import printable

if TYPE_CHECKING:
    from eidetic.migrated import Migrated

LOSSES_SHOWN = 10
"""Rows that could not be embedded anew, listed at the terminal; --json lists a thousand."""

File = Annotated[Path, typer.Argument(metavar="FILE.parquet", help="The Parquet file.")]


def export_rows(
    context: typer.Context,
    file: File,
    where: Annotated[
        str,
        typer.Option(help="Rows that fulfil this Milvus expression only.", metavar="EXPR"),
    ] = "",
    no_vectors: Annotated[
        bool,
        typer.Option("--no-vectors", help="Leave them out: a table for other programs."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replace a file that is there.")] = False,
) -> None:
    """Write an archive's rows and vectors into a Parquet file.

    `eidetic import` makes an archive of it, on a machine that needs no GPU and no model to do so.
    The images are not in it. The file appears when it is whole.

    Examples:
        eidetic export images.parquet

        eidetic export 2019.parquet --where 'taken_at >= 1546300800000'

        eidetic export table.parquet --no-vectors
    """
    with open_archive(context) as archive:
        done = archive.export_rows(file, where=where, vectors=not no_vectors, replace=yes)
    if options(context).json:
        print_json(done.as_dict())
        return
    what = "rows with vectors" if done.vectors else "rows without vectors"
    typer.echo(
        f"wrote {done.rows:,} {what} of {done.model} to {printable(done.file)} "
        f"({human_bytes(done.bytes)})"
    )


def import_rows(context: typer.Context, file: File) -> None:
    """Take in the rows and vectors of a file that `eidetic export` wrote; nothing is embedded.

    Makes the archive if there is none; adds to one of the same model. Running it again changes
    nothing. The file says where images are: import only files of people you trust.

    Examples:
        eidetic import images.parquet

        eidetic --archive work --uri http://localhost:19530 import images.parquet
    """
    from eidetic.cli.progress import Bar

    shown = sys.stderr.isatty() and not options(context).quiet
    with open_archive(context) as archive, Bar(shown=shown) as bar:
        done = archive.import_rows(file, progress=bar)
    if options(context).json:
        print_json(done.as_dict())
        return
    print_facts((name, f"{getattr(done, name):,}") for name in ("added", "replaced", "unchanged"))
    typer.echo(f"the archive {done.archive} has {done.total_rows:,} rows of {done.model}")
    for root, location in done.away.items():
        typer.echo(
            f"{printable(location)} is not there; say where its images live on this machine: "
            f"{archive.settings.command} roots move {root} FOLDER",
            err=True,
        )


def migrate(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(help="The new model, see `eidetic models`.", metavar="SPEC"),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(help="The new index: hnsw, ivf_sq8, flat, diskann.", metavar="PROFILE"),
    ] = None,
    drop_old: Annotated[
        bool,
        typer.Option(
            "--drop-old/--keep",
            help="Drop the collection of before: at the end, or alone that of the last migration.",
        ),
    ] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Drop what an unfinished migration has done.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Switch even where many rows' files cannot be embedded now."),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Threads that decode; by default one per core.", min=1)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images per call of the encoder; by default 32.", min=1)
    ] = None,
) -> None:
    """Change an archive's model, index or version of fields while it serves.

    A second collection is filled from the same files, compared with the first, and takes its place
    in one step. Run again after Ctrl-C or a kill, it goes on. The first one is kept until
    --drop-old. Restart what has the archive open (serve, ingest --watch) after it.

    Examples:
        eidetic migrate --model siglip2-b32-256

        eidetic migrate

        eidetic migrate --index flat

        eidetic migrate --drop-old
    """
    from eidetic.cli.progress import Bar
    from ingest import DEFAULT_BATCH_SIZE, IngestInterrupted
    from schema import UsageError

    begins = model is not None or index is not None
    if abandon and (begins or drop_old):
        raise UsageError("--abandon stands alone: it drops what an unfinished migration has done")
    with open_archive(context) as archive:
        if abandon or (drop_old and not begins):
            gone = archive.abandon_migration() if abandon else archive.drop_previous()
            if options(context).json:
                print_json({"dropped": gone.name, "model": gone.model})
            else:
                typer.echo(f"dropped the collection {gone.name} of {gone.model}")
            return
        try:
            with Bar(shown=sys.stderr.isatty() and not options(context).quiet) as progress:
                done = archive.migrate(
                    model,
                    index=index,
                    allow_loss=yes,
                    workers=workers,
                    batch_size=batch_size or DEFAULT_BATCH_SIZE,
                    progress=progress,
                )
        except IngestInterrupted as interrupted:
            typer.echo("interrupted; the archive is as it was, run it again to go on", err=True)
            raise typer.Exit(130) from interrupted
        if drop_old:
            archive.drop_previous()
            done = done.without_previous()
    _show(context, done)


def _show(context: typer.Context, done: "Migrated") -> None:
    if options(context).json:
        print_json(done.as_dict())
        return
    recall = "" if done.recall_at_10 is None else f"{done.recall_at_10:.4f} of exact search at 10"
    print_facts(
        [
            ("model", done.model),
            ("was", done.model_before),
            ("rows", f"{done.rows:,}"),
            ("written", f"{done.written:,}"),
            ("lost", f"{done.lost:,}"),
            ("recall", recall),
            ("collection", done.collection),
            ("kept", done.previous or "nothing"),
        ]
    )
    for loss in done.losses[:LOSSES_SHOWN]:
        typer.echo(f"lost {printable(loss.path)}: {loss.reason}", err=True)
    if done.lost > LOSSES_SHOWN:
        typer.echo(f"lost in all: {done.lost:,}", err=True)
