"""Rows as a Parquet file: what one archive holds, to be read by another or by any program.

A column a field, what is unknown as null; the vectors, if they are there, as FixedSizeList of
float32; a row group a batch. The file's metadata has one JSON document under `KEY`: which
collection the rows are of, and where its roots are. So a machine that has a GPU embeds, and one
that has none imports.
"""

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from schema.closing import Closing
from schema.errors import UsageError
from schema.fields import FIELDS, SCHEMA_VERSION, VECTOR_FIELD
from schema.parquet_rows import BadRow, Reading, read_rows
from schema.records import Embedded, ImageRecord
from schema.roots import Root
from schema.store import Collection, unpacked

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

KEY = b"eidetic"
LAYOUT = 1
"""Version of the JSON document and of how vectors are laid down."""

ROWS_PER_GROUP = 4000
"""As many as `schema.store.ROWS_PER_BATCH`: a batch that was read is written as it is, and whoever
imports it holds no more at a time."""

MAX_NORM = 1.001
"""Of a mean of unit vectors, squared; with room for rounding."""

MAX_DIM = 65_536
"""Twice what Milvus holds: a damaged file must not have memory set aside for more."""

_RECORD = {field.name for field in dataclass_fields(ImageRecord)}
_COLUMNS = tuple(field for field in FIELDS if field.name in _RECORD)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a file come from.

    Attributes:
        collection: What their collection said of itself.
        roots: The places of its images, as the machine knew them that wrote the file.
        has_vectors: Whether the vectors are there too.
        where: The filter that chose the rows, "" for all.
        product: Version of Eidetic that wrote the file.
    """

    collection: Collection
    roots: tuple[Root, ...]
    has_vectors: bool = True
    where: str = ""
    product: str = ""


def write_rows(path: Path, batches: Iterable[Sequence[Embedded]], origin: Origin) -> int:
    """Write a file, and return how many rows it has. It appears when it is whole, or not at all.

    Raises:
        UsageError: pyarrow is not installed, or the file cannot be written.
    """
    pa, pq = _arrow()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            count = _write(pa, pq, file, batches, origin)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror or error}); check the folder, its "
            "permissions and that its disk has room"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return count


class RowsFile(Closing):
    """A file that `write_rows` wrote, open. Use it in a ``with`` statement.

    Attributes:
        rows: How many rows it says it has.
    """

    def __init__(self, path: Path, file: "pq.ParquetFile", origin: Origin) -> None:
        self.path = path
        self.origin = origin
        self.rows = int(file.metadata.num_rows)
        self._file = file

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file and look at everything but its rows.

        Raises:
            UsageError: There is no such file, it is damaged or another program's, or a newer
                Eidetic wrote it.
        """
        pa, pq = _arrow()
        try:
            file = pq.ParquetFile(path, page_checksum_verification=True)
        except FileNotFoundError as error:
            raise UsageError(f"{path}: there is no such file; check the spelling") from error
        except (pa.ArrowException, ValueError, OSError) as error:
            raise UsageError(
                f"{path}: not a Parquet file, or one that was cut short ({_first_line(error)}); "
                "copy or export it again"
            ) from error
        try:
            origin = _read_origin(path, file.schema_arrow.metadata)
            _check_columns(path, file.schema_arrow, origin)
            return cls(path, file, origin)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Close the file; calling it twice is no error."""
        self._file.close()

    def batches(self) -> Iterator[list[Embedded]]:
        """Yield the rows, at most `ROWS_PER_GROUP` at a time; their vectors must be there.

        Raises:
            UsageError: A row is damaged, or not of the kind that Eidetic writes.
        """
        pa, _ = _arrow()
        reading = Reading(_COLUMNS, self.origin.collection.dim)
        names = [name for name in self._file.schema_arrow.names if name in reading.names]
        number, last = 0, ""
        try:
            for batch in self._file.iter_batches(ROWS_PER_GROUP, columns=names):
                rows = read_rows(batch, reading, number, last)
                number += len(rows)
                last = rows[-1].record.id if rows else last
                yield rows
        except BadRow as error:
            raise UsageError(
                f"{self.path}: {error}, so that it is damaged, or not as eidetic export wrote it; "
                "export it again"
            ) from error
        except (pa.ArrowException, ValueError, OSError) as error:
            raise UsageError(
                f"{self.path}: damaged after row {number:,} ({_first_line(error)}); copy or export "
                "it again"
            ) from error


def _write(
    pa: Any, pq: Any, file: Any, batches: Iterable[Sequence[Embedded]], origin: Origin
) -> int:
    dim = origin.collection.dim if origin.has_vectors else 0
    schema = _schema(pa, dim).with_metadata({KEY: json.dumps(_facts(origin)).encode()})
    count = 0
    # Vectors do not repeat, and a dictionary of them would only be thrown away again.
    texts = [field.name for field in _COLUMNS if field.kind in ("text", "key")]
    with pq.ParquetWriter(
        file, schema, compression="zstd", use_dictionary=texts, write_page_checksum=True
    ) as writer:
        for rows in batches:
            columns = [
                pa.array([getattr(row.record, field.name) for row in rows], type=_type(pa, field))
                for field in _COLUMNS
            ]
            if dim:
                columns.append(_vectors(pa, rows, dim))
            batch = pa.RecordBatch.from_arrays(columns, schema=schema)
            writer.write_batch(batch, row_group_size=max(len(rows), 1))
            count += len(rows)
    return count


def _vectors(pa: Any, rows: Sequence[Embedded], dim: int) -> Any:
    import numpy as np

    values = np.ascontiguousarray(np.stack([row.vector for row in rows]), dtype=np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), dim)


def _schema(pa: Any, dim: int) -> Any:
    fields = [pa.field(field.name, _type(pa, field)) for field in _COLUMNS]
    if dim:
        fields.append(pa.field(VECTOR_FIELD, pa.list_(pa.float32(), dim)))
    return pa.schema(fields)


def _type(pa: Any, field: Any) -> Any:
    types = {"int": pa.int64(), "float": pa.float64(), "tags": pa.list_(pa.string())}
    return types.get(field.kind, pa.string())


def _facts(origin: Origin) -> dict[str, Any]:
    return {
        "layout": LAYOUT,
        "product": version("eidetic"),
        "where": origin.where,
        "vectors": origin.has_vectors,
        "collection": asdict(origin.collection),
        "roots": [asdict(root) for root in origin.roots],
    }


def _read_origin(path: Path, metadata: dict[bytes, bytes] | None) -> Origin:
    written = (metadata or {}).get(KEY)
    if written is None:
        raise UsageError(
            f"{path}: a Parquet file, but not one of eidetic export; to index the images that a "
            "table holds: eidetic ingest FILE.parquet"
        )
    try:
        facts = json.loads(written)
        layout, product = int(facts["layout"]), str(facts["product"])
        held = facts["collection"]
        schema_version = int(held["schema_version"])
        if layout > LAYOUT or schema_version > SCHEMA_VERSION:
            raise UsageError(
                f"{path}: written by Eidetic {product}, with version {schema_version} of the "
                f"fields (layout {layout}); this one reads up to {SCHEMA_VERSION} (layout "
                f"{LAYOUT}); import it with that version of Eidetic or a newer one"
            )
        texts = ("name", "uid", "model", "fingerprint", "index")
        return Origin(
            Collection(
                **{key: _text(held[key]) for key in texts},
                dim=_between(1, int(held["dim"]), MAX_DIM),
                schema_version=_between(1, schema_version, SCHEMA_VERSION),
                neutral=_vector(held.get("neutral", ""), int(held["dim"])),
            ),
            tuple(Root(_text(r["id"]), _text(r["location"])) for r in facts["roots"]),
            bool(facts["vectors"]),
            _text(facts["where"]),
            product,
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(
            f"{path}: what it says of its archive cannot be read ({error!r}); export it again"
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _vector(value: object, dim: int) -> str:
    """Return a packed vector, see `schema.store.packed`, or none."""
    text = _text(value)
    if text:
        vector = unpacked(text)
        # The mean of vectors of unit norm; what is no number is not below 1 either.
        if vector.shape != (dim,) or not float(vector @ vector) <= MAX_NORM:
            raise ValueError(f"not the mean of unit vectors of {dim} dimensions")
    return text


def _between(least: int, value: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"{value} is not within {least} to {most}")
    return value


def _check_columns(path: Path, schema: "pa.Schema", origin: Origin) -> None:
    """Refuse a file whose columns are not those its version writes. Others' columns are left."""
    pa, _ = _arrow()
    wanted = {field.name: _type(pa, field) for field in _COLUMNS}
    if origin.has_vectors:
        wanted[VECTOR_FIELD] = pa.list_(pa.float32(), origin.collection.dim)
    for name, kind in wanted.items():
        places = schema.get_all_field_indices(name)
        # Older versions knew fewer fields.
        may_miss = origin.collection.schema_version < SCHEMA_VERSION and name != VECTOR_FIELD
        if not places and may_miss:
            continue
        found = str(schema.field(places[0]).type) if len(places) == 1 else f"{len(places)} columns"
        if len(places) != 1 or not schema.field(places[0]).type.equals(kind):
            raise UsageError(
                f"{path}: its column {name!r} is {found}, not one of {kind}; it is damaged, or "
                "another program has rewritten it; export it again"
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            "Parquet files need pyarrow, which is not installed; install it with: pip install "
            "'eidetic[parquet]'"
        ) from error
    return pa, pq
