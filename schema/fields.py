"""The fields of a row, and the way from a record to a row and back.

No field is nullable, so that every Milvus from 2.3 on can hold the schema: what is unknown is
stored as the field's sentinel and comes back as ``None``. Sentinels stay inside this room.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from schema.errors import StoreError
from schema.records import Embedded, ImageRecord

if TYPE_CHECKING:
    from pymilvus import CollectionSchema

SCHEMA_VERSION = 3
VECTOR_FIELD = "vector"
SPARSE_FIELD = "text_sparse"
NEUTRAL_FIELD = "neutral"
"""Of collections that say what is neutral, see `schema.store.Collection.neutral`."""

UNKNOWN_INT = -(2**62)
"""Below every real time and count, so that ``taken_at >= X`` never matches it. The smallest
INT64 would be the obvious choice, but no filter on a Milvus 2.3 server can name it."""
UNKNOWN_FLOAT = -1000.0
"""Outside every angle, and below every length, aperture and time."""
UNKNOWN_TEXT = ""

MAX_PATH_BYTES = 4096
MAX_TAGS = 64
MAX_TAG_BYTES = 128

Kind = Literal["text", "key", "int", "float", "bool", "tags"]


@dataclass(frozen=True, slots=True)
class Field:
    """One scalar field.

    Attributes:
        kind: "text" is cut to its maximum, "key" must fit whole because it names something.
        max_bytes: Maximum length in UTF-8 bytes of a "text" or "key"; 0 for the other kinds.
    """

    name: str
    kind: Kind
    max_bytes: int = 0


FIELDS: tuple[Field, ...] = (
    Field("id", "key", 40),
    Field("root", "key", 64),
    Field("path", "key", MAX_PATH_BYTES),
    Field("folder", "key", MAX_PATH_BYTES),
    Field("name", "key", MAX_PATH_BYTES),
    Field("content", "key", 32),
    Field("view", "key", 16),
    Field("offset_ms", "int"),
    Field("size_bytes", "int"),
    Field("mtime_ns", "int"),
    Field("width", "int"),
    Field("height", "int"),
    Field("format", "text", 32),
    Field("taken_at", "int"),
    Field("utc_offset_min", "int"),
    Field("taken_from", "text", 8),
    Field("camera", "text", 256),
    Field("lens", "text", 256),
    Field("iso_speed", "int"),
    Field("focal_mm", "float"),
    Field("aperture", "float"),
    Field("shutter_s", "float"),
    Field("lat", "float"),
    Field("lon", "float"),
    Field("has_gps", "bool"),
    Field("place", "text", 256),
    Field("country", "text", 128),
    Field("rating", "int"),
    Field("tags", "tags"),
    Field("labels", "tags"),
    Field("text", "text", 8192),
    Field("phash", "int"),
)

# Derived from other fields when a record is read back.
_DERIVED = {"folder", "name", "has_gps"}
_OF_RECORDS = tuple(field for field in FIELDS if field.name not in _DERIVED)
RECORD_FIELDS: tuple[str, ...] = tuple(field.name for field in _OF_RECORDS)
"""What of a row is read to make a record."""


def to_row(embedded: Embedded) -> tuple[dict[str, Any], int]:
    """Return the Milvus row of a record, and how many of its values were cut to fit.

    Raises:
        StoreError: A key (id, root, path ...) does not fit its field or is not UTF-8.
    """
    record = embedded.record
    row: dict[str, Any] = {VECTOR_FIELD: embedded.vector}
    cut = 0
    for field in FIELDS:
        if field.name == "has_gps":
            row[field.name] = record.lat is not None and record.lon is not None
            continue
        stored, was_cut = _store(field, getattr(record, field.name), record.path)
        row[field.name] = stored
        cut += was_cut
    return row, cut


def from_row(row: Mapping[str, Any]) -> ImageRecord:
    """Return the record of a Milvus row; sentinels become ``None``.

    A field that the row has not, because an older version of Eidetic did not know it, is unknown.
    """
    known = (field for field in _OF_RECORDS if field.name in row)
    return ImageRecord(**{field.name: _load(field, row[field.name]) for field in known})


def milvus_schema(
    dim: int, *, bm25: bool, vectors: str = "float32", neutral: bool = False
) -> "CollectionSchema":
    """Return the collection's schema for vectors of ``dim`` dimensions.

    Args:
        bm25: Whether the store can compute BM25: adds an analyzer to ``text`` and the sparse
            field made from it.
        vectors: How precisely they are held, see `schema.precision`.
        neutral: Whether rows have their vector's product with what is neutral.
    """
    from pymilvus import DataType, Function, FunctionType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    types = {"int": DataType.INT64, "float": DataType.DOUBLE, "bool": DataType.BOOL}
    for field in FIELDS:
        if field.kind == "tags":
            schema.add_field(
                field.name,
                DataType.ARRAY,
                element_type=DataType.VARCHAR,
                max_capacity=MAX_TAGS,
                max_length=MAX_TAG_BYTES,
            )
        elif field.kind in types:
            schema.add_field(field.name, types[field.kind])
        else:
            analyzed = {"enable_analyzer": True} if bm25 and field.name == "text" else {}
            schema.add_field(
                field.name,
                DataType.VARCHAR,
                is_primary=field.name == "id",
                max_length=field.max_bytes,
                **analyzed,
            )
    precisions = {"float32": DataType.FLOAT_VECTOR, "float16": DataType.FLOAT16_VECTOR}
    schema.add_field(VECTOR_FIELD, precisions[vectors], dim=dim)
    if neutral:
        schema.add_field(NEUTRAL_FIELD, DataType.FLOAT)
    if bm25:
        schema.add_field(SPARSE_FIELD, DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(
            Function(
                name="text_bm25",
                function_type=FunctionType.BM25,
                input_field_names=["text"],
                output_field_names=[SPARSE_FIELD],
            )
        )
    return cast("CollectionSchema", schema)


def _store(field: Field, value: Any, path: str) -> tuple[Any, int]:
    match field.kind:
        case "int":
            return (UNKNOWN_INT if value is None else int(value)), 0
        case "float":
            return (UNKNOWN_FLOAT if value is None else float(value)), 0
        case "tags":
            fitted = [_cut(tag, MAX_TAG_BYTES) for tag in value[:MAX_TAGS]]
            return [tag for tag, _ in fitted], sum(was for _, was in fitted) + (
                len(value) > MAX_TAGS
            )
        case "text":
            return _cut(value or UNKNOWN_TEXT, field.max_bytes)
        case _:
            _check_key(field, value, path)
            return value, 0


def _load(field: Field, stored: Any) -> Any:
    match field.kind:
        case "int":
            return None if stored == UNKNOWN_INT else int(stored)
        case "float":
            return None if stored == UNKNOWN_FLOAT else float(stored)
        case "tags":
            return tuple(stored)
        case "text" if field.name not in ("text", "format"):
            return None if stored == UNKNOWN_TEXT else stored
        case _:
            return stored


def _cut(text: str, max_bytes: int) -> tuple[str, int]:
    """Return the text cut at a character boundary to ``max_bytes``, and 1 if it was cut."""
    data = text.encode("utf-8", "replace")
    if len(data) <= max_bytes:
        return data.decode(), 0
    return data[:max_bytes].decode("utf-8", "ignore"), 1


def _check_key(field: Field, value: str, path: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise StoreError(f"{path!r}: {field.name} is not valid UTF-8; rename the file") from error
    if size > field.max_bytes:
        raise StoreError(
            f"{path!r}: {field.name} has {size:,} bytes, the store holds {field.max_bytes:,}; "
            "move the file to a shorter path"
        )
