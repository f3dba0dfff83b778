"""What the parts of an archive's Python face have in common."""

from os import PathLike

from eidetic.opening import Opening
from eidetic.settings import Settings

StrPath = str | PathLike[str]


class Part:
    """A part of `eidetic.archive.Archive`: some of its methods, over its settings and opening."""

    settings: Settings
    _opening: Opening
