from .defaults import DEFAULT_BATCH_SIZE
from .descriptions import (
    DescriptionReport,
    Outdated,
    count_outdated,
    refresh_descriptions,
)
from .entries import Entry
from .journal import Journal
from .originals import Originals
from .pipeline import ingest
from .report import (
    IngestInterrupted,
    IngestReport,
    NoProgress,
    Progress,
    PruneRefused,
    Skip,
)
from .runner import Runner, choose_runner, default_workers
from .scopes import Scope, plan_scopes
from .watch import follow, require_local

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "DescriptionReport",
    "Entry",
    "IngestInterrupted",
    "IngestReport",
    "Journal",
    "NoProgress",
    "Originals",
    "Outdated",
    "Progress",
    "PruneRefused",
    "Runner",
    "Scope",
    "Skip",
    "choose_runner",
    "count_outdated",
    "default_workers",
    "follow",
    "ingest",
    "plan_scopes",
    "refresh_descriptions",
    "require_local",
]
