"""Which names a scan looks at: image extensions, hidden and junk entries, excluded patterns."""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Protocol

from PIL import Image

from embed.images import FORMATS

NOT_YET_READ = frozenset({"heic", "heif", "hif", "jxl"})
"""Extensions of formats that people have and Pillow alone does not read. They are candidates, so
that a report names them instead of passing over them."""

JUNK = frozenset(
    name.casefold()
    for name in (
        "@eaDir",  # Synology's thumbnails
        "#recycle",
        "#snapshot",
        "$RECYCLE.BIN",
        "System Volume Information",
        "RECYCLER",
        "__MACOSX",
        "lost+found",
        "Thumbs.db",
        "thumbnails.lrdata",
    )
)
"""Entries that systems and programs make beside images, and that hold copies or no images."""


class Excluded(Protocol):
    """Tells whether a path relative to its root is excluded."""

    def __call__(self, path: str) -> bool: ...


@lru_cache(maxsize=1)
def known_extensions() -> frozenset[str]:
    """Return the extensions that make a file a candidate, in lower case and without the dot."""
    Image.init()
    read = {
        extension[1:].lower()
        for extension, name in Image.registered_extensions().items()
        if name in FORMATS or name == "MPO"
    }
    return frozenset(read | NOT_YET_READ)


def is_passed_over(name: str) -> bool:
    """Whether a scan ignores the entry: hidden (a leading dot, ``._*`` among them), or junk."""
    return name.startswith(".") or name.casefold() in JUNK


def is_candidate(name: str) -> bool:
    """Whether the name ends like an image's."""
    stem, dot, extension = name.rpartition(".")
    return bool(stem and dot) and extension.lower() in known_extensions()


def compile_excluded(patterns: Iterable[str]) -> Excluded:
    """Return the test for shell patterns (``*``, ``?``, ``[...]``; case matters).

    A pattern without "/" is held against the name of every file and folder, one with "/" against
    the whole path relative to the root.
    """
    names: list[str] = []
    paths: list[str] = []
    for pattern in patterns:
        (paths if "/" in pattern.strip("/") else names).append(translate(pattern.strip("/")))
    # An empty alternation would match the empty string; this matches nothing.
    name_test = re.compile("|".join(names) or r"(?!)")
    path_test = re.compile("|".join(paths) or r"(?!)")

    def excluded(path: str) -> bool:
        return bool(name_test.match(path.rpartition("/")[2]) or path_test.match(path))

    return excluded
