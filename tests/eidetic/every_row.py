"""All that a collection holds, to be compared with another's, and a second toy model."""

from dataclasses import asdict
from typing import Any

from embed.encoder import ToyEncoder
from embed.resizing import Pixels
from schema import Collection, MilvusStore, Vectors

OTHER = "open_clip:ViT-B-32/laion2b_s34b_b79k"
"""A spec that the second toy model answers to."""

Row = tuple[dict[str, Any], bytes]


class MirroredEncoder(ToyEncoder):
    """The toy encoder with every vector turned round: a model that agrees with it in nothing."""

    fingerprint = "mirrored-1"

    def encode_images(self, batch: "list[Pixels]") -> Vectors:  # type: ignore[override]
        return -super().encode_images(batch)


def every_row(store: MilvusStore) -> dict[str, Row]:
    """Each row's fields and the bytes of its vector, by id."""
    found = {
        row.record.id: (asdict(row.record), row.vector.tobytes())
        for batch in store.iterate_rows()
        for row in batch
    }
    assert len(found) == store.count()
    return found


def said(collection: Collection) -> tuple[str, int, str, str, int]:
    """What a collection says of its rows, without what names it."""
    c = collection
    return c.model, c.dim, c.fingerprint, c.index, c.schema_version
