"""What becomes of the hits of a search: printed in some form, gathered in a folder, shown."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eidetic.cli.output import print_hits, print_json
from eidetic.printable import printable

if TYPE_CHECKING:
    from eidetic.archive import Archive
    from eidetic.cli.terminal import Graphics
    from eidetic.collecting import Collected, LeftOut
    from eidetic.results import Hit, Hits

log = logging.getLogger("eidetic")

OPENED_AT_MOST = 5
"""Windows that --open may put in front of somebody."""

SHOWN_SIDE = 240
"""Pixels of the square that an image in a terminal fits into; some twelve lines."""

Paths = Annotated[bool, typer.Option("--paths", help="Print paths alone, a line each.")]
Nul = Annotated[
    bool, typer.Option("-0", "--null", help="Print paths alone, each ended by a NUL byte.")
]
Csv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]
Show = Annotated[
    bool,
    typer.Option("--show", help="Draw the images in the terminal (kitty, iTerm2, sixel)."),
]
CopyTo = Annotated[
    Path | None,
    typer.Option(help="Also copy the images into a folder; nothing in it is overwritten."),
]
LinkTo = Annotated[
    Path | None, typer.Option(help="Also make symbolic links to the images in a folder.")
]
Gallery = Annotated[
    Path | None,
    typer.Option(help="Also write a contact sheet, one HTML file by itself.", metavar="FILE.html"),
]
Open = Annotated[
    bool,
    typer.Option(
        "--open",
        help=f"Also open the first {OPENED_AT_MOST} images with the desktop's programs (a video at "
        "its moment with mpv or vlc, where they are installed), or the gallery if there is one.",
    ),
]


@dataclass(frozen=True, slots=True)
class HitsOutput:
    """What was asked for."""

    json: bool = False
    paths: bool = False
    null: bool = False
    csv: bool = False
    show: bool = False
    copy_to: Path | None = None
    link_to: Path | None = None
    gallery: Path | None = None
    open: bool = False

    @property
    def needs_files(self) -> bool:
        """Whether the files of the hits are read, so that the archive must be at hand."""
        return self.show or bool(self.copy_to or self.link_to or self.gallery)

    def check(self) -> "Ready":
        """Refuse what cannot be done, before the search.

        Raises:
            UsageError: Options contradict each other, a place cannot be written, or the machine
                has no means.
        """
        from schema import UsageError

        forms = {
            "--json": self.json,
            "--csv": self.csv,
            "--show": self.show,
            "--null" if self.null else "--paths": self.paths or self.null,
        }
        chosen = [name for name, wanted in forms.items() if wanted]
        if len(chosen) > 1:
            raise UsageError(
                f"{' and '.join(chosen)} contradict each other: hits are printed in one form; "
                "give one of them"
            )
        if self.copy_to is not None and self.link_to is not None:
            raise UsageError(
                "--copy-to and --link-to contradict each other: hits are gathered in one way; "
                "give one of them"
            )
        if self.gallery is not None:
            from eidetic.html_file import check_page_file

            check_page_file(self.gallery)
        return Ready(self, self._opener(), self._graphics())

    def _opener(self) -> str:
        if not self.open:
            return ""
        from eidetic.cli.opener import find_opener

        return find_opener()

    def _graphics(self) -> "Graphics | None":
        if not self.show:
            return None
        from eidetic.cli.terminal import graphics_of_this_terminal

        return graphics_of_this_terminal()


@dataclass(frozen=True, slots=True)
class Ready:
    """What was asked for and can be done.

    Attributes:
        opener: Path of the program that opens files, "" where nothing is to be opened.
        graphics: How the terminal shows images, None where none is to be shown.
    """

    wanted: HitsOutput
    opener: str
    graphics: "Graphics | None"

    def deliver(self, archive: "Archive | None", hits: "Hits") -> None:
        """Print the hits, gather and open them.

        Args:
            archive: What reads their files; ``None`` only where that is not needed, see
                `HitsOutput.needs_files`.

        Raises:
            NoUsableImage: There are hits, and none of them could be gathered.
            UsageError: A place cannot be written, or the host of a file is away.
        """
        collected = None if archive is None else self._collect(archive, hits)
        self._print(archive, hits, collected)
        if archive is not None and self.wanted.gallery is not None:
            _warn("shown without an image", archive.gallery(hits, self.wanted.gallery))
        if self.opener and hits:
            self._open(hits)
        if collected is not None:
            _tell(collected, "linked" if self.wanted.link_to else "copied")

    def _collect(self, archive: "Archive", hits: "Hits") -> "Collected | None":
        if self.wanted.copy_to is not None:
            return archive.copy_to(hits, self.wanted.copy_to)
        if self.wanted.link_to is not None:
            return archive.link_to(hits, self.wanted.link_to)
        return None

    def _print(
        self, archive: "Archive | None", hits: "Hits", collected: "Collected | None"
    ) -> None:
        wanted = self.wanted
        if wanted.json and collected is not None:
            print_json(hits.as_dict() | {"collected": collected.as_dict()})
        elif wanted.csv:
            from eidetic.cli.hits_csv import as_csv

            _write(as_csv(hits))
        elif archive is not None and self.graphics is not None and hits:
            self._draw(archive, hits, self.graphics)
        else:
            print_hits(hits, json=wanted.json, paths=wanted.paths, null=wanted.null)

    def _draw(self, archive: "Archive", hits: "Hits", graphics: "Graphics") -> None:
        from eidetic.cli.terminal_images import drawing

        for hit, preview in zip(hits, archive.previews(hits, SHOWN_SIDE), strict=True):
            if preview.image is None:
                typer.echo(f"(no image: {preview.problem})")
            else:
                _write(drawing(preview.image, graphics) + b"\n")
            score = "" if hit.score is None else f"  {hit.score:.3f}"
            typer.echo(f"{hit.rank}.{score}  {printable(hit.path)}")

    def _open(self, hits: "Hits") -> None:
        from eidetic.cli.opener import open_all

        moments: dict[str, int] = {}
        if self.wanted.gallery is not None:
            targets = [os.path.abspath(self.wanted.gallery)]  # noqa: PTH100
        else:
            first = hits[:OPENED_AT_MOST]
            targets = [hit.path for hit in first if _can_be_opened(hit)]
            moments = {hit.path: hit.record.offset_ms for hit in first}
            for hit in first:
                if not _can_be_opened(hit):
                    typer.echo(
                        f"not opened: {printable(hit.path)}: it is no file by itself, or not there "
                        "any more; use --gallery or --copy-to",
                        err=True,
                    )
        for target, reason in open_all(self.opener, targets, moments):
            typer.echo(f"not opened: {printable(target)}: {reason}", err=True)


def _can_be_opened(hit: "Hit") -> bool:
    if hit.path.startswith(("http://", "https://")):
        return True
    return hit.path.startswith("/") and Path(hit.path).is_file()


def _tell(collected: "Collected", done: str) -> None:
    from schema import NoUsableImage

    _warn(f"not {done}", collected.left_out)
    new = sum(made.is_new for made in collected.made)
    there = len(collected.made) - new
    known = f", {there:,} there already" if there else ""
    log.info("%s images %s into %s%s", f"{new:,}", done, printable(collected.folder), known)
    if collected.left_out and not collected.made:
        raise NoUsableImage(
            f"none of the {len(collected.left_out):,} images could be {done}; the lines above say "
            "why"
        )


def _warn(what: str, left_out: "tuple[LeftOut, ...]") -> None:
    for left in left_out:
        typer.echo(f"{what}: {printable(left.hit.path)}: {printable(left.reason)}", err=True)


def _write(data: bytes) -> None:
    # Bytes that are no text pass by the text layer, behind what it has not written yet.
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
