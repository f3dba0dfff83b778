"""Commands that judge images by themselves: which label fits, how alike two are."""

from pathlib import Path
from typing import Annotated

import typer

from eidetic.cli.labels import read_labels
from eidetic.cli.options import open_archive, options
from eidetic.cli.output import print_json, print_table
from eidetic.printable import printable

SCORES_SHOWN = 3
"""Labels of an image shown at the terminal; --json lists all of them."""

Model = Annotated[
    str | None,
    typer.Option(
        help="Model to ask in place of the archive's, see `eidetic models`.", metavar="SPEC"
    ),
]


def classify(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Image files.")],
    labels: Annotated[
        list[str] | None,
        typer.Option(
            help="What an image may show: labels with commas between them or, where the option "
            "is given several times, one label each time.",
            metavar="LABELS",
        ),
    ] = None,
    labels_file: Annotated[
        Path | None, typer.Option(help="A file with a label on each line.", metavar="FILE")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help="What is said of an image, {} for the label; by default 'This is a photo of {}.'.",
            metavar="TEXT",
        ),
    ] = None,
    model: Model = None,
) -> None:
    """Tell which of some labels fits an image best.

    Scores are the model's own: of most models they sum to 1 over the labels; SigLIP judges each
    label by itself. The images need not be in an archive.

    Examples:
        eidetic classify me.jpg --labels cat,dog,horse

        eidetic classify *.jpg --labels-file labels.txt --template "An aerial image of {}."

        eidetic classify me.jpg --labels "salt, pepper" --labels sugar --model builtin
    """
    from search import DEFAULT_TEMPLATE

    names = _choose_labels(labels or [], labels_file)
    with open_archive(context, model=model) as archive:
        found = archive.classify(
            paths, names, template=DEFAULT_TEMPLATE if template is None else template
        )
    for file in found.unusable:
        typer.echo(f"left out: {printable(file.detail)}", err=True)
    if options(context).json:
        print_json(found.as_list())
        return
    print_table(
        ("path", "label", "score"),
        [
            (printable(image.path) if place == 0 else "", score.label, f"{score.score:.4f}")
            for image in found
            for place, score in enumerate(image.scores[:SCORES_SHOWN])
        ],
        right=("score",),
        fold="path",
    )


def compare(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="An image file, or words.")],
    b: Annotated[str, typer.Argument(metavar="B", help="An image file, or words.")],
    text: Annotated[
        bool, typer.Option("--text", help="B is words, even where there is a file of that name.")
    ] = False,
    model: Model = None,
) -> None:
    """Tell how alike two images are, or an image and words: cosine similarity from -1 to 1.

    What names no file is words. The images need not be in an archive. Two sentences are compared by
    a model of sentences.

    Examples:
        eidetic compare one.jpg two.jpg

        eidetic compare one.jpg "a red boat" --model builtin

        eidetic compare "a red boat" "a ship, painted red" --model minilm
    """
    with open_archive(context, model=model) as archive:
        score = archive.compare(a, b, text=text)
    if options(context).json:
        print_json({"score": score})
    else:
        typer.echo(f"{score:.4f}")


def _choose_labels(labels: list[str], file: Path | None) -> list[str]:
    """Return the labels of the options.

    Raises:
        UsageError: They come from both options, or the file cannot be read.
    """
    from schema import UsageError

    if file is None:
        return labels[0].split(",") if len(labels) == 1 else labels
    if labels:
        raise UsageError("--labels and --labels-file are both given; give the labels in one place")
    return read_labels(file)
