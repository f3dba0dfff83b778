"""How descriptions follow the rows: what is new or changed is embedded, what is gone is dropped."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from embed.encoder import TextEncoder
from schema.descriptions import Description, DescriptionStore, text_digest
from schema.records import ImageRecord
from schema.store import ROWS_PER_BATCH, Store

TEXTS_PER_WRITE = 500
"""What an interruption costs at most, and what one call of the encoder can sort by length."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """How far descriptions are behind the rows.

    Attributes:
        missing: Rows with a text and without a description.
        changed: Rows whose text is another by now.
        gone: Descriptions of rows that are not there, or have no text any more.
        unchanged: Descriptions that are as they should be.
        without_text: Rows that have nothing to describe them.
    """

    missing: int
    changed: int
    gone: int
    unchanged: int
    without_text: int

    @property
    def count(self) -> int:
        """How many are not as they should be."""
        return self.missing + self.changed + self.gone


@dataclass(frozen=True, slots=True)
class DescriptionReport:
    """What a refresh did.

    Attributes:
        described: Texts that were embedded.
        removed: Descriptions that were dropped.
        without_text: Rows that have nothing to describe them.
    """

    described: int
    unchanged: int
    removed: int
    without_text: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the command line's contract."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


def count_outdated(store: Store, descriptions: DescriptionStore) -> Outdated:
    """Compare descriptions with the rows, in one pass with memory bounded by a batch."""
    missing = changed = described = empty = 0
    for page in _pages(store):
        held = descriptions.digests([record.id for record in page if record.text])
        for record in page:
            if not record.text:
                empty += 1
            elif record.id not in held:
                missing += 1
            else:
                described += 1
                changed += held[record.id] != text_digest(record.text)
    gone = descriptions.count() - described
    return Outdated(missing, changed, gone, described - changed, empty)


def refresh_descriptions(
    store: Store, descriptions: DescriptionStore, encoder: TextEncoder
) -> DescriptionReport:
    """Bring descriptions in step with the rows.

    What was written stays if it is interrupted, and doing it again goes on from there.

    Raises:
        StoreError: The store does not answer, or answers with an error.
    """
    began = time.monotonic()
    described = unchanged = empty = 0
    for page in _pages(store):
        told = [record for record in page if record.text]
        empty += len(page) - len(told)
        held = descriptions.digests([record.id for record in told])
        digests = {record.id: text_digest(record.text) for record in told}
        new = [record for record in told if held.get(record.id) != digests[record.id]]
        unchanged += len(told) - len(new)
        described += len(new)
        for start in range(0, len(new), TEXTS_PER_WRITE):
            chunk = new[start : start + TEXTS_PER_WRITE]
            vectors = encoder.encode_texts([record.text for record in chunk])
            descriptions.upsert(
                [
                    Description(record.id, digests[record.id], vector)
                    for record, vector in zip(chunk, vectors, strict=True)
                ]
            )
    removed = 0
    # A look at every description is spared where their number says that none is too many.
    if descriptions.count() > described + unchanged:
        removed = _drop_gone(store, descriptions)
    return DescriptionReport(described, unchanged, removed, empty, time.monotonic() - began)


def _drop_gone(store: Store, descriptions: DescriptionStore) -> int:
    gone: list[str] = []
    for ids in descriptions.iterate_ids():
        rows = store.get(ids)
        gone += [i for i in ids if i not in rows or not rows[i].text]
    descriptions.delete(gone)
    return len(gone)


def _pages(store: Store) -> Iterator[list[ImageRecord]]:
    rows = store.iterate()
    while page := list(islice(rows, ROWS_PER_BATCH)):
        yield page
