"""What a migration is asked for, and what it did."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from eidetic.row_pairs import Loss
from ingest import DEFAULT_BATCH_SIZE


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did.

    Attributes:
        model_before: Spec of the model that served; ``model`` is that of the one that serves now.
        previous: Name of the collection that is kept; "" where it was dropped.
        rows: Rows of the collection that serves now, of which ``written`` by this run.
        lost: Rows of files that could not be embedded anew; ``losses`` names the first.
        recall_at_10: Of the new index against exact search; ``None`` without rows.
    """

    archive: str
    model_before: str
    model: str
    collection: str
    previous: str
    rows: int
    written: int
    lost: int
    losses: tuple[Loss, ...]
    recall_at_10: float | None

    def without_previous(self) -> "Migrated":
        """Return the same once the collection of before has been dropped."""
        return replace(self, previous="")

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self) | {"losses": [asdict(loss) for loss in self.losses]}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; ``None`` for what the archive has."""

    model: str | None = None
    index: str | None = None
    allow_loss: bool = False
    workers: int | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
