from .archive import Archive, open
from .groups import Duplicate, DuplicateGroups
from .results import DescriptionStatus, Hit, Hits, RootStatus, Status

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
