"""Commands that tell about archives and models."""

from pathlib import Path
from typing import Annotated

import typer

from eidetic.cli.options import open_archive, options
from eidetic.cli.output import human_bytes, print_facts, print_json, print_table


def status(context: typer.Context) -> None:
    """Tell what an archive holds, with which model, and where.

    Example:
        eidetic --archive work status
    """
    with open_archive(context) as archive:
        found = archive.status()
    if options(context).json:
        print_json(found.as_dict())
        return
    facts = found.as_dict() | {
        "rows": f"{found.rows:,}",
        "skipped": f"{found.skipped:,}",
        "capabilities": ", ".join(n for n, has in found.capabilities.items() if has) or "none",
        "disk_bytes": human_bytes(found.disk_bytes),
    }
    facts["words"] = (
        "names and metadata are searched for a query's words"
        if found.capabilities["bm25"]
        else "not searched for in names and metadata, for which the archive must have been made on "
        "Milvus 2.5 or later, or be embedded; images are found by their vectors alone"
    )
    roots = facts.pop("roots")
    print_facts(facts.items())
    print_facts(
        (f"root {root['id']}", f"{root['location']} ({root['rows']:,} rows)") for root in roots
    )


def evaluate(
    context: typer.Context,
    captions: Annotated[
        Path,
        typer.Option(
            help='JSON Lines: {"file": NAME, "captions": {"en": ["...", ...]}}.', metavar="FILE"
        ),
    ],
    language: Annotated[str, typer.Option(help="Which captions to use.", metavar="CODE")] = "en",
) -> None:
    """Measure how well an archive is found by captions of its images.

    Example:
        eidetic evaluate --captions captions.jsonl --language ar
    """
    with open_archive(context) as archive:
        result = archive.evaluate(captions, language=language)
    if options(context).json:
        print_json(result.as_dict())
        return
    typer.echo(
        f"{result.images:,} images, {result.captions:,} captions, {result.missing:,} missing"
    )
    measures = ("R@1", "R@5", "R@10", "median_rank")
    rows = [
        (way, *(f"{recall.as_dict()[name]:.3f}" for name in measures))
        for way, recall in (
            ("text to image", result.text_to_image),
            ("image to text", result.image_to_text),
        )
    ]
    print_table(("", *measures), rows, right=measures)
