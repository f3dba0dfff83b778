"""Hits of files that were written for a test, without an archive."""

from pathlib import Path

from eidetic.files import Files
from eidetic.results import Hit, Hits
from schema import Root
from tests.images import write_image
from tests.samples import a_record

HOSTILE = (
    "line\nbreak.png",
    "</script><script>alert(1)</script>.png",
    "=cmd|' /C calc'!A0.png",
    '"quoted", and; more.png',
    "..png",
    "\x1b[2J\x07.png",
    "x" * 240 + ".png",
    "é\u202egnp.png",
)
"""Paths that a file system takes and that mean something elsewhere."""


def write_named(folder: Path, path: str) -> Path:
    """Write an image whatever its name says of its format, and return the folder."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    write_image(folder / "plain.png").rename(folder / path)
    return folder


def found(folder: Path, *paths: str, **facts: object) -> tuple[Hits, Files]:
    """Hits of files below a folder, best first, and what reads them."""
    root = Root.at(str(folder))
    hits = tuple(
        Hit(rank, 1 - rank / 100, root.locate(path), a_record(path, root.id, **facts))
        for rank, path in enumerate(paths, start=1)
    )
    return Hits("dogs", "toy", 1.0, 100, hits), Files({root.id: root})
