"""The files of an archive's rows, as bytes and as small images."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from PIL import Image

from eidetic.originals import find_video
from embed.thumbnail import shrink, shrink_frame
from ingest import Originals
from schema import ImageRecord, ImageUnreadable, NoUsableImage, Root


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """An image made small or, where it cannot be had, the reason why.

    Attributes:
        image: Mode RGB, upright; None where there is a problem.
        problem: One sentence, "" where there is an image.
    """

    image: Image.Image | None
    problem: str = ""


class Files:
    """The files of rows; what is opened for one is kept for the next. Use it in a ``with``."""

    def __init__(self, roots: Mapping[str, Root]) -> None:
        """Open nothing yet.

        Args:
            roots: The archive's roots by id.
        """
        self.roots = roots
        self._originals = Originals()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._originals.close()

    def read(self, record: ImageRecord) -> bytes:
        """Return the bytes of a row's file.

        Raises:
            ImageUnreadable: It is not there or not to be read.
            UsageError: Its host is away.
        """
        return self._originals.read(record, self.roots.get(record.root))

    def preview(self, record: ImageRecord, side: int) -> Preview:
        """Return a row's image, made to fit into a square.

        Args:
            side: Pixels of the square.

        Raises:
            UsageError: Its host is away.
        """
        try:
            if record.view == "frame":
                video = find_video(record, self.roots)
                return Preview(shrink_frame(video, record.format, record.offset_ms, side=side))
            return Preview(shrink(self.read(record), side=side))
        except ImageUnreadable as error:
            return Preview(None, error.detail)
        except NoUsableImage as error:
            return Preview(None, str(error))
