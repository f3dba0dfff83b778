"""From files to rows: what to scan, what has changed, and the run that indexes it."""

from ingest.descriptions import (
    DescriptionReport,
    Outdated,
    count_outdated,
    refresh_descriptions,
)
from ingest.entries import Entry
from ingest.journal import Journal
from ingest.originals import Originals
from ingest.pipeline import DEFAULT_BATCH_SIZE, ingest
from ingest.report import (
    IngestInterrupted,
    IngestReport,
    NoProgress,
    Progress,
    PruneRefused,
    Skip,
)
from ingest.runner import Runner, choose_runner, default_workers
from ingest.scopes import Scope, plan_scopes
from ingest.watch import follow, require_local

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
