"""Commands that tell about archives and models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eidetic.cli.options import open_archive, options
from eidetic.cli.output import human_bytes, print_facts, print_json, print_table

if TYPE_CHECKING:
    from search import Recall
    from search.latency import Percentiles

FAILURES_SHOWN = 25
"""Of a report, an image each."""


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
    roots, told = facts.pop("roots"), found.descriptions
    facts["descriptions"] = f"{told.rows:,} rows, {told.model}" if told else "none"
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
    report: Annotated[
        Path | None,
        typer.Option(
            help="Also write an HTML page: the figures, and the worst failures as images.",
            metavar="FILE.html",
        ),
    ] = None,
) -> None:
    """Measure how well an archive is found by captions of its images, and how fast.

    Recall at 1, 5 and 10 and the mean reciprocal rank have 95 % confidence intervals.

    Examples:
        eidetic evaluate --captions captions.jsonl --language ar

        eidetic evaluate --captions captions.jsonl --report report.html
    """
    if report is not None:
        from eidetic.html_file import check_page_file

        check_page_file(report)
    with open_archive(context) as archive:
        failures = 0 if report is None else FAILURES_SHOWN
        result = archive.evaluate(captions, language=language, failures=failures)
        if report is not None:
            archive.report(result, report)
    if options(context).json:
        print_json(result.as_dict())
        return
    typer.echo(
        f"{result.images:,} images, {result.captions:,} captions, {result.missing:,} missing"
    )
    ways = (("text to image", result.text_to_image), ("image to text", result.image_to_text))
    print_table(
        ("", "R@1", "R@5", "R@10", "MRR", "median_rank"),
        [row for way, recall in ways for row in _recall_rows(way, recall)],
        right=("R@1", "R@5", "R@10", "MRR", "median_rank"),
    )
    print_facts(
        [
            ("index recall@10", f"{result.ann_recall_at_10:.4f} against exact search"),
            ("text encoding", _milliseconds(result.latency.text_encoding)),
            ("store search", _milliseconds(result.latency.store_search)),
        ]
    )


def _recall_rows(way: str, recall: "Recall") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a row of figures, and below it one of their confidence intervals."""
    values = (*recall.at.values(), recall.mrr)
    bounds = (f"{low:.3f}-{high:.3f}" for low, high in recall.intervals.values())
    return (
        (way, *(f"{value:.3f}" for value in values), f"{recall.median_rank:g}"),
        ("95 % interval", *bounds, ""),
    )


def _milliseconds(percentiles: "Percentiles") -> str:
    p = percentiles
    return f"{p.p50:.1f} ms in half of cases, {p.p95:.1f} in 95 %, {p.p99:.1f} in 99 %"
