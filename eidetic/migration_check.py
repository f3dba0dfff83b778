"""Whether a collection that was filled may take another's place: counts, losses, recall."""

from itertools import islice

import numpy as np

from eidetic.row_pairs import Settled
from ingest.audit import are_sound
from schema import MilvusStore, StoreError, UsageError
from search.recall import ExactNeighbours

HANDFUL = 10
MAX_LOST_SHARE = 0.05
"""More rows than a handful, and than this share, are not given up unasked; nor is half of them."""

LOSSES_SHOWN = 3

MIN_RECALL = 0.95
"""As for `eidetic doctor`: below this, the index and not the model decides what is found."""

RECALL_SAMPLE = 200


def require_sound(
    new: MilvusStore, found: Settled, *, allow_loss: bool, command: str
) -> float | None:
    """Return the recall of a collection that may take over, ``None`` where it has no rows.

    Args:
        found: How its rows stand to those of the collection before.
        allow_loss: Whether it may lack rows, and its index miss more than it should.
        command: How a person calls `eidetic` on the archive.

    Raises:
        StoreError: The store has not the rows that it has acknowledged.
        UsageError: Too many rows are lost, or the index misses too much.
    """
    new.settle()
    count = new.count()
    if count != found.rows:
        raise StoreError(
            f"the new collection has {count:,} rows, not the {found.rows:,} that were written; "
            "nothing was switched; run the same command again"
        )
    recall = measure_recall(new)
    if allow_loss:
        return recall
    _refuse_losses(found, command)
    if recall is not None and recall < MIN_RECALL:
        raise UsageError(
            f"the index of the new collection finds {recall:.1%} of the ten nearest rows, at "
            f"least {MIN_RECALL:.0%} are expected; nothing was switched; migrate with another "
            "--index, or insist with --yes"
        )
    return recall


def measure_recall(store: MilvusStore) -> float | None:
    """Return the index's recall at 10 on a sample, against exact search; ``None`` without rows."""
    # Ids are hashes, so that the first are drawn by chance.
    ids = [record.id for record in islice(store.iterate(), RECALL_SAMPLE)]
    held = store.vectors(ids)
    ids = [i for i in ids if i in held and are_sound(held[i][None])[0]]
    if not ids:
        return None
    exact = ExactNeighbours(np.stack([held[i] for i in ids]))
    for _, vectors in store.iterate_vectors():
        exact.take(vectors)
    return exact.measure(ids, store).at_10


def _refuse_losses(found: Settled, command: str) -> None:
    most = 2 * found.lost > found.before
    many = found.lost > HANDFUL and found.lost > MAX_LOST_SHARE * found.before
    if not (most or many):
        return
    named = "; ".join(f"{loss.path}: {loss.reason}" for loss in found.losses[:LOSSES_SHOWN])
    raise UsageError(
        f"{found.lost:,} of {found.before:,} rows are of files that cannot be embedded now "
        f"({named}{'; ...' if found.lost > LOSSES_SHOWN else ''}), more than {HANDFUL} and "
        f"{MAX_LOST_SHARE:.0%}, or than half; nothing was switched. Mount their disks, or say "
        f"where they live now with: {command} roots move; then run the same command again: it "
        "goes on. To go without them, say --yes"
    )
