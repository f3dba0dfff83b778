"""How descriptions follow the rows: what is new or changed is embedded, what is gone is dropped."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from embed.encoder import TextEncoder
from schema.descriptions import Description, DescriptionStore, text_digest
from schema.records import ImageRecord
from schema.store import Store

TEXTS_PER_WRITE = 500
"""What an interruption costs at most, and what one call of the encoder can sort by length."""

_AFTER_ALL = "g"
"""Sorts behind every id: these are hexadecimal digits."""


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
    """Compare descriptions with the rows, in one pass over both."""
    missing = changed = gone = unchanged = empty = 0
    for _, record, digest in _side_by_side(store, descriptions):
        if record is None or not record.text:
            gone += digest is not None
            empty += record is not None
        elif digest is None:
            missing += 1
        elif digest == text_digest(record.text):
            unchanged += 1
        else:
            changed += 1
    return Outdated(missing, changed, gone, unchanged, empty)


def refresh_descriptions(
    store: Store, descriptions: DescriptionStore, encoder: TextEncoder
) -> DescriptionReport:
    """Bring descriptions in step with the rows, in one pass over both.

    What was written stays if it is interrupted, and doing it again goes on from there.

    Raises:
        StoreError: The store does not answer, or answers with an error.
    """
    began = time.monotonic()
    described = unchanged = empty = 0
    new: list[ImageRecord] = []
    gone: list[str] = []
    for i, record, digest in _side_by_side(store, descriptions):
        if record is None or not record.text:
            empty += record is not None
            gone += [i] if digest is not None else []
        elif digest == text_digest(record.text):
            unchanged += 1
        else:
            described += 1
            new.append(record)
        if len(new) == TEXTS_PER_WRITE:
            _describe(new, descriptions, encoder)
            new.clear()
    if new:
        _describe(new, descriptions, encoder)
    descriptions.delete(gone)
    return DescriptionReport(described, unchanged, len(gone), empty, time.monotonic() - began)


def _describe(
    records: list[ImageRecord], descriptions: DescriptionStore, encoder: TextEncoder
) -> None:
    vectors = encoder.encode_texts([record.text for record in records])
    descriptions.upsert(
        [
            Description(record.id, text_digest(record.text), vector)
            for record, vector in zip(records, vectors, strict=True)
        ]
    )


def _side_by_side(
    store: Store, descriptions: DescriptionStore
) -> Iterator[tuple[str, ImageRecord | None, str | None]]:
    """Yield every id that is a row's or a description's, with the row and the text's digest.

    Both come in the order of their ids, so that neither need be looked up in the other. Of a video
    the first frame is described, since all have the same text.
    """
    rows = ((record.id, record) for record in store.iterate() if record.is_first)
    last: tuple[str, None] = (_AFTER_ALL, None)
    digests = descriptions.iterate_digests()
    (i, record), (j, digest) = next(rows, last), next(digests, last)
    while (first := min(i, j)) != _AFTER_ALL:
        yield first, record if i == first else None, digest if j == first else None
        at_row, at_digest = i == first, j == first
        if at_row:
            i, record = next(rows, last)
        if at_digest:
            j, digest = next(digests, last)
