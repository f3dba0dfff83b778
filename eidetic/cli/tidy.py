"""Commands that put an archive in order: duplicates, labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eidetic.cli.find import Where
from eidetic.cli.labels import read_labels
from eidetic.cli.options import open_archive, options
from eidetic.cli.output import human_bytes, print_json, print_paths, print_table
from eidetic.printable import printable

if TYPE_CHECKING:
    from eidetic.groups import DuplicateGroups
    from search import Tagging

Filters = Annotated[
    list[str] | None,
    typer.Argument(help="Which images, in the filters of `eidetic search`; by default all."),
]


def duplicates(
    context: typer.Context,
    filters: Filters = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Least score of images that are not the same bytes, from -1 to 1; by default 0.9.",
            metavar="SCORE",
        ),
    ] = None,
    where: Where = "",
    paths: Annotated[
        bool,
        typer.Option("--paths", help="Print what could go: all but the first of each group."),
    ] = False,
    null: Annotated[
        bool, typer.Option("-0", "--null", help="As --paths, each ended by a NUL byte.")
    ] = False,
) -> None:
    """Group images that are the same: copies, other sizes and formats, light edits.

    The first of a group is the one to keep: most pixels, then a capture date of its own, then most
    bytes a pixel, then the oldest. Every other is near-identical to that first one. No file is
    touched. Look at the groups before what --paths prints is thrown away: pages of text, or plain
    surfaces, can be alike and not the same.

    Examples:
        eidetic duplicates

        eidetic duplicates in:holidays/ --threshold 0.95

        eidetic duplicates --null | xargs -0 trash-put
    """
    from search import DUPLICATE_THRESHOLD

    with open_archive(context) as archive:
        found = archive.duplicates(
            " ".join(filters or ()),
            threshold=DUPLICATE_THRESHOLD if threshold is None else threshold,
            where=where,
        )
    if options(context).json:
        print_json(found.as_dict())
    elif paths or null:
        print_paths((each.path for each in found.surplus()), null=null)
    else:
        _print_groups(found)


def tag(
    context: typer.Context,
    filters: Filters = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="A file with a label on each line.", metavar="FILE"),
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Take all labels away, and give none.")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(
            help="What is said of an image, {} for the label; by default 'This is a photo of {}.'.",
            metavar="TEXT",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="How far a label must stand out, in standard deviations; by default 2.5. More "
            "gives fewer labels and fewer wrong ones.",
            metavar="Z",
        ),
    ] = None,
    where: Where = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
    ] = False,
) -> None:
    """Label images by the archive's model, so that tag:LABEL finds them.

    Labels are kept apart from keywords that people gave. Running it again, with whatever labels,
    replaces the labels of the images it is about, and nothing else. Images that come later have
    none until then.

    Examples:
        eidetic tag --labels labels.txt --dry-run

        eidetic tag date:2019 --labels labels.txt --threshold 3

        eidetic tag --clear
    """
    from schema import UsageError
    from search import DEFAULT_TAG_THRESHOLD, DEFAULT_TEMPLATE

    if clear == (labels is not None):
        raise UsageError("give either --labels FILE or --clear")
    chosen = " ".join(filters or ())
    with open_archive(context) as archive:
        if labels is None:
            done = archive.untag(chosen, where=where, dry_run=dry_run)
        else:
            done = archive.tag(
                read_labels(labels),
                chosen,
                template=DEFAULT_TEMPLATE if template is None else template,
                threshold=DEFAULT_TAG_THRESHOLD if threshold is None else threshold,
                where=where,
                dry_run=dry_run,
            )
    if options(context).json:
        print_json(done.as_dict())
    else:
        _print_tagging(done)


def _print_groups(found: "DuplicateGroups") -> None:
    if not found:
        typer.echo("no two images are near-identical", err=True)
        return
    print_table(
        ("group", "score", "path", "pixels", "size"),
        [
            (
                str(number) if place == 0 else "",
                f"{each.score:.3f}",
                printable(each.path),
                f"{each.record.width} x {each.record.height}",
                human_bytes(each.record.size_bytes),
            )
            for number, group in enumerate(found, start=1)
            for place, each in enumerate(group)
        ],
        right=("group", "score", "pixels", "size"),
        fold="path",
    )
    surplus = list(found.surplus())
    size = human_bytes(sum(each.record.size_bytes for each in surplus))
    typer.echo(f"{len(found):,} groups; {len(surplus):,} files, {size}, could go", err=True)


def _print_tagging(done: "Tagging") -> None:
    print_table(
        ("label", "images"),
        [(printable(each.label), f"{each.images:,}") for each in done.counts],
        right=("images",),
    )
    would = "would be " if done.dry_run else ""
    typer.echo(
        f"{done.rows:,} images: {done.tagged:,} with labels, {done.changed:,} {would}changed",
        err=True,
    )
