"""An evaluation as one HTML file: its tables, and its worst failures as images."""

from collections.abc import Iterator
from pathlib import Path

from eidetic.files import Files
from eidetic.html_file import THUMBNAIL_SIDE, address_of, figure, page, text, write_page
from eidetic.results import locate
from schema import ImageRecord
from search import Evaluation, Failure, Recall


def write_evaluation(evaluation: Evaluation, file: Path, files: Files) -> None:
    """Write an evaluation as a page.

    Raises:
        UsageError: The file cannot be written, or the host of an image is away.
    """
    write_page(file, page(f"Evaluation of {evaluation.model}", _body(evaluation, files)))


def _body(evaluation: Evaluation, files: Files) -> Iterator[str]:
    counted = (
        f"{evaluation.captions:,} captions of {evaluation.images:,} images, among "
        f"{evaluation.rows:,} rows; {evaluation.missing:,} captioned images are not in the archive"
    )
    yield f"<p>{text(counted)}</p>\n<main>\n"
    yield "<h2>Recall, with 95 % confidence intervals</h2>\n"
    ways = (
        ("text to image", evaluation.text_to_image),
        ("image to text", evaluation.image_to_text),
    )
    names = [*evaluation.text_to_image.intervals, "median rank"]
    yield _table(["", *names], [[way, *_cells(recall)] for way, recall in ways])
    latency = evaluation.latency
    yield f"<h2>Single queries, milliseconds ({latency.samples:,} captions)</h2>\n"
    parts = (
        ("encoding the text", latency.text_encoding),
        ("asking the store", latency.store_search),
    )
    rows = [
        [name, *(f"{getattr(p, key):.2f}" for key in ("p50", "p95", "p99"))] for name, p in parts
    ]
    yield _table(["", "p50", "p95", "p99"], rows)
    yield (
        f"<p>Recall of the index against exact search, at 10, of the same captions: "
        f"{evaluation.ann_recall_at_10:.4f}</p>\n"
    )
    if evaluation.failures:
        yield "<h2>The captions whose images rank last</h2>\n"
        for failure in evaluation.failures:
            yield _pair(failure, files)
    yield "</main>\n"


def _cells(recall: Recall) -> Iterator[str]:
    values = {f"R@{k}": share for k, share in recall.at.items()} | {"MRR": recall.mrr}
    for name, (low, high) in recall.intervals.items():
        yield f"{values[name]:.3f} ({low:.3f} to {high:.3f})"
    yield f"{recall.median_rank:g}"


def _table(columns: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in columns)
    lines = "".join(
        f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>\n" for row in rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n"


def _pair(failure: Failure, files: Files) -> str:
    wanted = f"wanted: rank {failure.rank:,}, score {failure.score:.3f}"
    first = f"came first: score {failure.first.score:.3f}"
    return (
        f'<section class="pair">\n<h3>{text(failure.caption)}</h3>\n<ol>\n'
        f"<li>{_figure(failure.wanted, wanted, files)}</li>\n"
        f"<li>{_figure(failure.first.record, first, files)}</li>\n</ol>\n</section>\n"
    )


def _figure(record: ImageRecord, line: str, files: Files) -> str:
    preview = files.preview(record, THUMBNAIL_SIDE)
    link = address_of(locate(record, files.roots))
    return figure(preview, [line, record.path], name=record.name, link=link)
