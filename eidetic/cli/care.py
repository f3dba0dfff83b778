"""Commands that look after an archive: what it knows of an image, its roots, its health."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eidetic.cli.options import open_archive, options
from eidetic.cli.output import print_facts, print_json, print_table
from eidetic.printable import printable

if TYPE_CHECKING:
    from eidetic.doctor import Diagnosis

PROBLEMS_LEFT = 3
"""Exit code of an examination that found what is not mended."""

Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
Which = Annotated[str, typer.Argument(metavar="ID_OR_PATH", help="A root, see `eidetic roots`.")]


def show(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="PATH_OR_ID", help="An image file or a row id.")],
) -> None:
    """Tell everything known of one image: its row, its file, why it was skipped, its copies.

    Examples:
        eidetic show me.jpg

        eidetic show 41c21fe1a2a0dba34e70a1e90ef1d8f6eb8b31e4 --json
    """
    from eidetic.cli.portrait import portray

    with open_archive(context) as archive:
        facts = archive.show(image)
    if options(context).json:
        print_json(facts.as_dict())
    else:
        print_facts(portray(facts))


def doctor(
    context: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended.")] = False,
    sample: Annotated[
        int,
        typer.Option(
            help="Rows to look for in the index, against exact search; 0 for none.",
            min=0,
            max=10_000,
            metavar="N",
        ),
    ] = 200,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            help="A pattern the folders were ingested with; may be repeated.", metavar="GLOB"
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Drop rows even where most of a root's files are gone.")
    ] = False,
) -> None:
    """Account for every file and row, and check vectors, index, model, journal and disk.

    Ends with exit code 0 where all is well and 3 where problems are left. Nothing is changed
    without --fix, and files never are.

    Examples:
        eidetic doctor

        eidetic --archive work doctor --fix
    """
    with open_archive(context) as archive:
        found = archive.doctor(
            fix=fix, sample=sample, exclude=exclude or (), allow_mass_removal=yes
        )
    if options(context).json:
        print_json(found.as_dict())
    else:
        _print_diagnosis(found)
    if found.problems:
        raise typer.Exit(PROBLEMS_LEFT)


roots = typer.Typer(
    name="roots",
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@roots.callback(invoke_without_command=True)
def roots_shared(context: typer.Context) -> None:
    """List the folders an archive was made from, say where one lives by now, or drop one.

    Examples:
        eidetic roots

        eidetic roots move /mnt/old/images /mnt/new/images

        eidetic roots forget /mnt/old/images
    """
    if context.invoked_subcommand is None:
        list_roots(context)


@roots.command("list")
def list_roots(context: typer.Context) -> None:
    """List the roots: rows, location, and whether the folder is there.

    Example:
        eidetic roots list --json
    """
    with open_archive(context) as archive:
        found = archive.roots()
    if options(context).json:
        name = archive.settings.archive
        print_json({"archive": name, "roots": [root.as_dict() for root in found]})
        return
    if not found:
        typer.echo("the archive has no roots", err=True)
        return
    print_table(
        ("id", "rows", "state", "location"),
        [
            (
                root.id,
                f"{root.rows:,}",
                "there" if root.is_there else "unknown" if root.location is None else "away",
                printable(root.location) if root.location is not None else "?",
            )
            for root in found
        ],
        right=("rows",),
        fold="location",
    )


@roots.command("move")
def move_root(
    context: typer.Context,
    root: Which,
    folder: Annotated[Path, typer.Argument(metavar="NEW_PATH", help="Where its folder lives now.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it even where its files are not found there.")
    ] = False,
) -> None:
    """Say where a root's folder lives by now. Its rows stay, and nothing is embedded.

    A sample of its files is looked for there, by path and size.

    Example:
        eidetic roots move 2d711642b726b044 /mnt/new/images
    """
    with open_archive(context) as archive:
        moved = archive.move_root(root, folder, allow_mismatch=yes)
    if options(context).json:
        print_json(moved.as_dict())
        return
    print_facts(
        [
            ("root", moved.id),
            ("was", printable(moved.before) if moved.before is not None else "unknown"),
            ("is", printable(moved.location)),
            ("rows", f"{moved.rows:,}"),
            ("found", f"{moved.found:,} of {moved.sampled:,} files looked for"),
        ]
    )


@roots.command("forget")
def forget_root(context: typer.Context, root: Which, yes: Yes = False) -> None:
    """Drop a root with its rows, and what the journal knows of its files. The files stay.

    Example:
        eidetic roots forget /mnt/old/images --yes
    """
    from schema import UsageError

    with open_archive(context) as archive:
        found = archive.find_root(root)
        what = f"{found.rows:,} rows of {found.location or found.id}"
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError(f"this drops {what}; say --yes if that is meant")
            typer.confirm(f"Drop {printable(what)}? The files stay.", abort=True, err=True)
        gone = archive.forget_root(found.id)
    if options(context).json:
        print_json(gone.as_dict())
        return
    typer.echo(
        f"dropped {gone.rows:,} rows and {gone.entries:,} journal entries of "
        f"{printable(gone.location or gone.id)}"
    )


def _print_diagnosis(found: "Diagnosis") -> None:
    recall = "not measured"
    if found.recall_at_10 is not None:
        recall = f"{found.recall_at_10:.4f} of exact search at 10, {found.sampled:,} rows sampled"
    print_facts(
        [
            ("files", f"{found.files:,}"),
            ("rows", f"{found.rows:,}"),
            ("journal", f"{found.journal:,} entries, {found.skipped:,} of them skipped"),
            ("recall", recall),
            ("took", f"{found.seconds:.1f} s"),
        ]
    )
    if found.repairs:
        typer.echo("\nmended:")
        for repair in found.repairs:
            typer.echo(f"  {repair.kind} ({repair.count:,}): {repair.done}")
    if not found.problems:
        typer.echo("\nno problems: every file and row is accounted for")
        return
    for problem in found.problems:
        typer.echo(f"\n{problem.kind} ({problem.count:,}): {printable(problem.detail)}")
        for example in problem.examples:
            typer.echo(f"    {printable(example)}")
        if problem.count > len(problem.examples) > 0:
            typer.echo(f"    ... and {problem.count - len(problem.examples):,} more")
        typer.echo(f"  next: {printable(problem.fix)}")
