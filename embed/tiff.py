"""The directories of a TIFF file (TIFF 6.0, section 2), as far as RAW files and IPTC need them.

Pillow's own reader keeps the first image's only, and of a value of several integers at times the
first one.
"""

from collections.abc import Iterator
from typing import Literal

PHOTOMETRIC, SUB_DIRECTORIES, XMP, IPTC, DNG_VERSION = 262, 330, 700, 33723, 50706
_WANTED = (PHOTOMETRIC, SUB_DIRECTORIES, XMP, IPTC, DNG_VERSION)

_MOST_DIRECTORIES, _MOST_TAGS = 16, 512
"""Hostile files may claim any number."""

_BYTES_OF_TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}

Order = Literal["little", "big"]


def is_tiff(data: bytes) -> bool:
    """Whether it is TIFF, which the RAW formats of many cameras are as well."""
    return data.startswith((b"II*\0", b"MM\0*"))


def order_of(data: bytes) -> Order:
    """Return the order of the bytes in a TIFF's numbers."""
    return "little" if data.startswith(b"II") else "big"


def directories(data: bytes) -> Iterator[dict[int, bytes]]:
    """Yield each directory's values of the tags named here, as they stand in the file.

    The first directory comes first, then its sub-directories and the next ones.
    """
    order = order_of(data)
    waiting = [int.from_bytes(data[4:8], order)]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen or not 8 <= at <= len(data) - 2:
            continue
        seen.add(at)
        count = min(int.from_bytes(data[at : at + 2], order), _MOST_TAGS)
        end = at + 2 + 12 * count
        tags = {
            tag: _value(data, entry, order)
            for entry in range(at + 2, end, 12)
            if (tag := int.from_bytes(data[entry : entry + 2], order)) in _WANTED
        }
        below = tags.get(SUB_DIRECTORIES, b"")[: 4 * _MOST_DIRECTORIES]
        waiting += [int.from_bytes(below[n : n + 4], order) for n in range(0, len(below), 4)]
        waiting.append(int.from_bytes(data[end : end + 4], order))
        yield tags


def _value(data: bytes, entry: int, order: Order) -> bytes:
    kind = int.from_bytes(data[entry + 2 : entry + 4], order)
    size = _BYTES_OF_TYPES.get(kind, 0) * int.from_bytes(data[entry + 4 : entry + 8], order)
    start = entry + 8 if size <= 4 else int.from_bytes(data[entry + 8 : entry + 12], order)
    return data[start : start + size]
