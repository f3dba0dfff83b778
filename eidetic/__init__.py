"""Find images by words and by image, in archives of your own."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eidetic.archive import Archive, open
    from eidetic.groups import Duplicate, DuplicateGroups
    from eidetic.results import DescriptionStatus, Hit, Hits, RootStatus, Status

__all__ = [
    "Archive",
    "DescriptionStatus",
    "Duplicate",
    "DuplicateGroups",
    "Hit",
    "Hits",
    "RootStatus",
    "Status",
    "open",
]

_HOMES = {
    "Archive": "eidetic.archive",
    "open": "eidetic.archive",
    "DescriptionStatus": "eidetic.results",
    "Duplicate": "eidetic.groups",
    "DuplicateGroups": "eidetic.groups",
    "Hit": "eidetic.results",
    "Hits": "eidetic.results",
    "RootStatus": "eidetic.results",
    "Status": "eidetic.results",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `eidetic --help` answers at once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'eidetic' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
