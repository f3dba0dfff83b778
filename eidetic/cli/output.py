"""How results are printed: JSON, bare paths, or tables that fit the terminal."""

import json as jsonlib
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from eidetic.printable import printable

if TYPE_CHECKING:
    from eidetic.results import Hit, Hits

PLAIN_WIDTH = 10_000
"""Columns of a table that does not go to a terminal: no path is folded, so that grep finds it."""


def print_json(value: Any, *, line: bool = False) -> None:
    """Print one JSON document on stdout, on one line where many follow each other."""
    text = jsonlib.dumps(value, ensure_ascii=False, indent=None if line else 2)
    # A byte of a path that is no UTF-8 becomes JSON's own escape, and the document stays valid.
    typer.echo(text.encode("utf-8", "backslashreplace"))


def print_hits(hits: "Hits", *, json: bool, paths: bool, null: bool) -> None:
    """Print hits as JSON, as bare paths, or as a table."""
    if json:
        print_json(hits.as_dict())
    elif paths or null:
        print_paths((hit.path for hit in hits), null=null)
    elif not hits:
        typer.echo("no image in the archive matches", err=True)
    else:
        print_table(
            ("rank", "score", "", "path", "moment", "folded", "taken", "camera", "size"),
            [_hit_cells(hit) for hit in hits],
            right=("rank", "score", "moment", "size"),
            fold="path",
            dim=[hit.likely is False for hit in hits],
        )


def print_paths(paths: Iterable[str], *, null: bool) -> None:
    """Print paths, each ended by a NUL byte or on a line of its own."""
    end = b"\0" if null else os.fsencode(os.linesep)
    # Bytes, because a path need not be text that the terminal's encoding has.
    sys.stdout.buffer.write(b"".join(os.fsencode(path) + end for path in paths))
    sys.stdout.flush()


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    fold: str = "",
    dim: Sequence[bool] = (),
) -> None:
    """Print a table on stdout, as wide as the terminal at most, and as it needs elsewhere.

    Args:
        columns: Headings; a column without any value is left out.
        rows: Cells by column.
        right: Columns aligned to the right.
        fold: The column that is wrapped rather than cut where the width does not suffice.
        dim: Whether each row is dimmed, where the terminal can; none where it is empty.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    used = [i for i in range(len(columns)) if any(row[i] for row in cells)]
    for i in used:
        table.add_column(
            columns[i],
            justify="right" if columns[i] in right else "left",
            overflow="fold" if columns[i] == fold else "ellipsis",
            no_wrap=columns[i] != fold,
        )
    for place, row in enumerate(cells):
        style = "dim" if place < len(dim) and dim[place] else None
        table.add_row(*(Text(row[i]) for i in used), style=style)
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    Console(width=width, highlight=False).print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, a line each, the values in one column."""
    lines = [(name, str(value)) for name, value in facts]
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        typer.echo(f"{name:<{width}}  {value}")


def human_bytes(size: int) -> str:
    """Return a size in the largest unit that keeps it at least 1."""
    value, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}" if units[0] != "bytes" else f"{size} bytes"


def _hit_cells(hit: "Hit") -> tuple[str, ...]:
    from eidetic.results import capture_time, moment

    record = hit.record
    size = f"{record.width} x {record.height}"
    return (
        str(hit.rank),
        "" if hit.score is None else f"{hit.score:.3f}",
        "weak" if hit.likely is False else "",
        printable(hit.path),
        moment(record),
        f"+{len(hit.folded)}" if hit.folded else "",
        capture_time(record),
        record.camera or "",
        size,
    )
