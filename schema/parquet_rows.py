"""From a batch of Parquet to rows, each checked: the file may be damaged, or made to do harm."""

import math
import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from schema.fields import MAX_PATH_BYTES, VECTOR_FIELD, Field
from schema.records import Embedded, ImageRecord, TakenFrom, View, row_id

if TYPE_CHECKING:
    import pyarrow as pa

ROOT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""What may stand in a filter expression between quotes."""

CONTENT = re.compile(r"[0-9A-Za-z]{0,32}")

_DEFAULTS: dict[str, Any] = {f.name: f.default for f in dataclass_fields(ImageRecord)}


class BadRow(ValueError):
    """A row that Eidetic would not have written; the message names its number and the value."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read.

    Attributes:
        columns: Fields of the record.
        dim: Length of the vectors.
    """

    columns: Sequence[Field]
    dim: int

    @property
    def names(self) -> set[str]:
        """Names of all columns."""
        return {field.name for field in self.columns} | {VECTOR_FIELD}


def read_rows(batch: "pa.RecordBatch", reading: Reading, before: int, last: str) -> list[Embedded]:
    """Return the rows of a batch.

    Args:
        before: How many rows there were in the batches before it, for messages.
        last: Id of the last of them, "" for none: the rows are in the order of their ids, so that
            none is there twice.

    Raises:
        BadRow: One is not what `schema.parquet.write_rows` writes.
    """
    vectors = _vectors(batch.column(VECTOR_FIELD), reading.dim, before)
    columns = {
        field.name: batch.column(field.name).to_pylist()
        for field in reading.columns
        if field.name in batch.schema.names
    }
    rows = []
    for i in range(batch.num_rows):
        try:
            record = _record({name: values[i] for name, values in columns.items()})
            if record.id <= last:
                raise ValueError("it is not in the order of the ids, or there twice")
        except (ValueError, TypeError) as error:
            raise BadRow(f"row {before + i + 1:,}: {error}") from error
        rows.append(Embedded(record, vectors[i]))
        last = record.id
    return rows


def _vectors(column: "pa.Array", dim: int, before: int) -> np.ndarray:
    values = column.flatten()
    if column.null_count or values.null_count or len(values) != len(column) * dim:
        raise BadRow(f"a row after row {before:,}: its vector is not whole")
    vectors = np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float32)
    vectors = vectors.reshape(len(column), dim)
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise BadRow(f"row {before + int(broken[0]) + 1:,}: its vector is not finite")
    return vectors


def _record(values: dict[str, Any]) -> ImageRecord:
    """Return a row's record.

    Raises:
        ValueError: A value cannot be one of a row's; TypeError likewise.
    """
    for name, value in values.items():
        default = _DEFAULTS[name]
        if value is None and default is not None:
            raise ValueError(f"{name} is unknown, which it never is")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}, not a number")
    missing = [n for n, default in _DEFAULTS.items() if default is MISSING and n not in values]
    if missing:
        raise ValueError(f"there is no {missing[0]}")
    for name in ("tags", "labels"):
        if name in values:
            if not all(isinstance(tag, str) for tag in values[name]):
                raise ValueError(f"{name} has one that is no text")
            values[name] = tuple(values[name])
    record = ImageRecord(**values)
    _check(record)
    return record


def _check(record: ImageRecord) -> None:
    # A path that leads out of its root would make a server hand out files of this machine.
    parts = record.path.split("/")
    if record.path.startswith("/") or ".." in parts or "" in parts or "\0" in record.path:
        raise ValueError(f"the path {record.path!r} does not lie in its root")
    if len(record.path.encode("utf-8", "replace")) > MAX_PATH_BYTES:
        raise ValueError(f"the path has more than {MAX_PATH_BYTES:,} bytes")
    if not ROOT_ID.fullmatch(record.root):
        raise ValueError(f"the root {record.root!r} is no id")
    if not CONTENT.fullmatch(record.content):
        raise ValueError(f"the content {record.content!r} is no hash")
    if record.view not in get_args(View):
        raise ValueError(f"the view {record.view!r} is unknown")
    if record.taken_from is not None and record.taken_from not in get_args(TakenFrom):
        raise ValueError(f"taken_from {record.taken_from!r} is unknown")
    if (record.lat is None) != (record.lon is None):
        raise ValueError("it has one coordinate without the other")
    if record.id != row_id(record.root, record.path, record.view, record.offset_ms):
        raise ValueError(f"the id {record.id!r} is not that of {record.path!r}")
