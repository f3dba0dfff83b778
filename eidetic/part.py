"""What the parts of an archive's Python face have in common."""

from os import PathLike

from eidetic.opening import Opening
from eidetic.settings import Settings
from schema.closing import Closing

StrPath = str | PathLike[str]


class Part(Closing):
    """A part of `eidetic.archive.Archive`: some of its methods, over its settings and opening."""

    settings: Settings
    _opening: Opening
