"""What an archive's hits are made into: copies, links, a page to look at."""

from collections.abc import Iterable, Iterator
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING

from eidetic.part import Part, StrPath
from eidetic.results import Hit, Hits
from schema import load_roots

if TYPE_CHECKING:
    from eidetic.collecting import Collected, LeftOut
    from eidetic.files import Files, Preview
    from search import Evaluation


class Presenting(Part):
    """The methods of an archive that hand out the images it found."""

    def original(self, hit: Hit) -> bytes:
        """Return the bytes of a hit's file, wherever it is.

        Raises:
            ImageUnreadable: The file is not there or not to be read.
            UsageError: Its host is away.
        """
        with self._files() as files:
            return files.read(hit.record)

    def previews(self, hits: Iterable[Hit], side: int) -> "Iterator[Preview]":
        """Yield each hit's image, upright, made to fit into a square; or why there is none.

        Args:
            side: Pixels of the square.

        Raises:
            UsageError: The host of an image is away.
        """
        with self._files() as files:
            for hit in hits:
                yield files.preview(hit.record, side)

    def copy_to(self, hits: Iterable[Hit], folder: StrPath) -> "Collected":
        """Copy the hits' files into a folder; see `eidetic.collecting`.

        Raises:
            UsageError: The folder cannot be made or written, or the host of a file is away.
        """
        from eidetic.collecting import copy_hits

        with self._files() as files:
            return copy_hits(hits, Path(fspath(folder)), files)

    def link_to(self, hits: Iterable[Hit], folder: StrPath) -> "Collected":
        """Make symbolic links to the hits' files in a folder; see `eidetic.collecting`.

        Raises:
            UsageError: The folder cannot be made or written.
        """
        from eidetic.collecting import link_hits

        with self._files() as files:
            return link_hits(hits, Path(fspath(folder)), files)

    def gallery(self, hits: Hits, file: StrPath) -> "tuple[LeftOut, ...]":
        """Write hits as a self-contained HTML file; return those shown without an image.

        Raises:
            UsageError: The file cannot be written, or the host of an image is away.
        """
        from eidetic.gallery import write_gallery

        with self._files() as files:
            return write_gallery(hits, Path(fspath(file)), files)

    def report(self, evaluation: "Evaluation", file: StrPath) -> None:
        """Write an evaluation as a self-contained HTML file, its failures as images.

        Raises:
            UsageError: The file cannot be written, or the host of an image is away.
        """
        from eidetic.evaluation_page import write_evaluation

        with self._files() as files:
            write_evaluation(evaluation, Path(fspath(file)), files)

    def _files(self) -> "Files":
        from eidetic.files import Files

        return Files({root.id: root for root in load_roots(self.settings.roots_file)})
