"""Parquet tables: one whose rows hold image bytes, and one of captions beside a shard.

Both are what img2dataset writes (https://github.com/rom1504/img2dataset, "Output format"): images
in a column named after their format (``jpg``, ``webp``), or as the Hugging Face ``datasets``
library has them, ``image`` with ``bytes`` and ``path``.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from ingest.sources.captions import texts_of
from ingest.sources.members import Member
from ingest.sources.onepass import OnePass
from schema.errors import UsageError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ROWS_AT_ONCE = 16
"""Rows of images that are in memory together."""

_KEYS = ("key", "__key__", "id", "file_name", "filename", "image_id")
_FORMATS = ("jpg", "jpeg", "png", "webp", "avif", "gif", "heic", "jp2", "jxl", "tif", "tiff", "bmp")
_IMAGES = (*_FORMATS, "image", "img", "bytes", "image_bytes")
_CAPTIONS = ("caption", "captions", "text", "title", "description", "alt_text", "label", "labels")


class TableContainer:
    """A table of images, a member a row: named after its key, or after its number.

    Listing it reads the images once, for their sizes and checksums: a row that stays as it was is
    then known to, whatever else in the table has changed.
    """

    def __init__(self, path: str, place: str) -> None:
        """Open a local file.

        Args:
            place: Where it came from, for messages.

        Raises:
            UsageError: pyarrow is not installed, or no column holds images.
            OSError: It is no parquet file.
        """
        self._table = _open(path, place)
        columns = {field.name: field for field in self._table.schema_arrow}
        self._image = _first(_IMAGES, columns, _is_binary)
        if not self._image:
            self._table.close()
            raise UsageError(
                f"{place}: no column of this table holds images; its columns are "
                f"{', '.join(columns)}. If it stands beside shards, name those"
            )
        self._key = _first(_KEYS, columns)
        self._captions = [name for name in _CAPTIONS if name in columns and name != self._image]
        self._numbers: dict[str, int] = {}
        self._stream: OnePass[tuple[bytes, tuple[str, ...]]] = OnePass(
            self._begin, lambda item: len(item[0])
        )

    def members(self) -> Iterator[Member]:
        taken: Counter[str] = Counter()
        for number, row in enumerate(self._rows([self._image, self._key])):
            data, path = _image_of(row[self._image])
            if data is None:
                continue
            name = _name(row.get(self._key) if self._key else None, path, number, self._extension)
            taken[name] += 1
            if taken[name] > 1:
                stem, dot, extension = name.rpartition(".")
                name = f"{stem or extension}~{number}{dot}{extension if stem else ''}"
            self._numbers[name] = number
            yield Member(name, len(data), 0, zlib.crc32(data) + 1)

    def read(self, path: str) -> tuple[bytes, tuple[str, ...]]:
        return self._stream.read(self._numbers[path])

    def close(self) -> None:
        self._table.close()

    @property
    def _extension(self) -> str:
        return self._image if self._image in _FORMATS else ""

    def _begin(self) -> Iterator[tuple[int, Callable[[], tuple[bytes, tuple[str, ...]]]]]:
        for number, row in enumerate(self._rows([self._image, *self._captions])):
            yield number, partial(self._take, row)

    def _take(self, row: dict[str, Any]) -> tuple[bytes, tuple[str, ...]]:
        texts = texts_of(row[name] for name in self._captions)
        return _image_of(row[self._image])[0] or b"", tuple(dict.fromkeys(texts))

    def _rows(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        wanted = [name for name in columns if name]
        for batch in self._table.iter_batches(ROWS_AT_ONCE, columns=wanted):
            yield from batch.to_pylist()


class CaptionTable:
    """The captions of a shard, by the keys of its samples."""

    def __init__(self, captions: Mapping[str, tuple[str, ...]]) -> None:
        self._captions = captions

    @classmethod
    def load(cls, path: str, place: str) -> Self:
        """Read a table; one without keys and captions holds none.

        Raises:
            UsageError: pyarrow is not installed.
        """
        try:
            table = _open(path, place)
        except OSError:
            return cls({})
        try:
            columns = {field.name: field for field in table.schema_arrow}
            key = _first(_KEYS, columns)
            captions = [name for name in _CAPTIONS if name in columns]
            if not key or not captions:
                return cls({})
            rows = table.read(columns=[key, *captions]).to_pylist()
        finally:
            table.close()
        return cls({str(row[key]): texts_of(row[name] for name in captions) for row in rows})

    def captions(self, key: str) -> tuple[str, ...]:
        """Return the texts about a sample."""
        return self._captions.get(key.rpartition("/")[2], ())


def _open(path: str, place: str) -> "pq.ParquetFile":
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            f"{place}: parquet files need a package: pip install 'eidetic[parquet]'"
        ) from error
    try:
        # Without read-ahead: a row group of images can be larger than the memory.
        return pq.ParquetFile(path, pre_buffer=False)
    except ValueError as error:
        raise OSError(f"not a parquet file: {error}") from error


def _first(
    names: Iterable[str], columns: Mapping[str, Any], fits: Callable[[Any], bool] = bool
) -> str:
    return next((name for name in names if name in columns and fits(columns[name])), "")


def _is_binary(field: Any) -> bool:
    kind = str(field.type)
    return kind in ("binary", "large_binary") or kind.startswith("struct<bytes: binary")


def _image_of(value: Any) -> tuple[bytes | None, str]:
    """Return a cell's bytes, None where it has none, and the path it says they came from."""
    if isinstance(value, dict):
        return value.get("bytes"), str(value.get("path") or "")
    return value, ""


def _name(key: object, path: str, number: int, extension: str) -> str:
    name = str(key) if key not in (None, "") else path or f"{number:09}"
    return f"{name}.{extension}" if extension and not name.endswith(f".{extension}") else name
