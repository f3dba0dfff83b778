"""Hits as a contact sheet: one HTML file that needs nothing beside it."""

from collections.abc import Iterator
from pathlib import Path

from eidetic.collecting import LeftOut
from eidetic.files import Files
from eidetic.html_file import THUMBNAIL_SIDE, address_of, figure, page, text, write_page
from eidetic.results import Hit, Hits, capture_time


def write_gallery(hits: Hits, file: Path, files: Files) -> tuple[LeftOut, ...]:
    """Write hits as a page, and return those that it shows without an image.

    Raises:
        UsageError: The file cannot be written, or the host of an image is away.
    """
    left_out: list[LeftOut] = []
    write_page(file, page(hits.query or "images", _body(hits, files, left_out)))
    return tuple(left_out)


def _body(hits: Hits, files: Files, left_out: list[LeftOut]) -> Iterator[str]:
    counted = f"{len(hits):,} of {hits.total_rows:,} images, model {hits.model}"
    yield f"<p>{text(counted)}</p>\n<main>\n<ol>\n"
    for hit in hits:
        preview = files.preview(hit.record, THUMBNAIL_SIDE)
        if preview.image is None:
            left_out.append(LeftOut(hit, preview.problem))
        name, link = hit.record.name, address_of(hit.path)
        yield f"<li>{figure(preview, _caption(hit), name=name, link=link)}</li>\n"
    yield "</ol>\n</main>\n"


def _caption(hit: Hit) -> Iterator[str]:
    record = hit.record
    score = "" if hit.score is None else f"{hit.score:.3f}"
    yield "  ".join(part for part in (f"{hit.rank}.", record.name, score) if part)
    yield record.folder
    place = ", ".join(part for part in (record.place, record.country) if part)
    size = f"{record.width} x {record.height}"
    yield " · ".join(part for part in (capture_time(record), place, record.camera, size) if part)
    yield ", ".join((*record.tags, *record.labels))
