"""Vectors of matches: those they carry, and the others from the store."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from schema.records import Match, Vectors
from schema.store import Store

M = TypeVar("M", bound=Match)


def with_vectors(matches: Sequence[M], store: Store) -> tuple[list[M], Vectors]:
    """Return matches in their order, and their vectors: shape (n, dim), float32, unit norm.

    A match that carries none, and whose row is no longer in the store, is left out.

    Raises:
        StoreError: The store does not answer, or answers with an error.
    """
    stored = store.vectors([match.record.id for match in matches if match.vector is None])
    found = [
        (match, vector)
        for match in matches
        if (vector := stored.get(match.record.id) if match.vector is None else match.vector)
        is not None
    ]
    if not found:
        return [], np.empty((0, store.collection.dim), dtype=np.float32)
    return [match for match, _ in found], np.stack([vector for _, vector in found])
